namespace OrleansLog.Tests.Processes;

/// <summary>
/// Reads what a process writes on a thread of its own. The runtime reads pipes by blocking: an asynchronous read holds a thread of the
/// pool for as long as the process is silent, and the pool, which has as many threads as the machine cores, gets another one after
/// half a second only. Tests that measured a client beside such reads saw it stand still for up to a second.
/// </summary>
internal static class ProcessPipe
{
    /// <summary>All lines, until the process has closed its end.</summary>
    public static Task ReadLinesAsync(StreamReader reader, Action<string> take) => OnOwnThread(() =>
    {
        while (reader.ReadLine() is { } line) take(line);
        return true;
    });

    /// <summary>All that the process writes until it has closed its end.</summary>
    public static Task<string> ReadToEndAsync(StreamReader reader) => OnOwnThread(reader.ReadToEnd);

    /// <summary>Copies all that the process writes until it has closed its end.</summary>
    public static Task CopyAsync(Stream from, Stream to) => OnOwnThread(() =>
    {
        from.CopyTo(to);
        return true;
    });

    private static Task<T> OnOwnThread<T>(Func<T> read) => Task.Factory.StartNew(
        read, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
