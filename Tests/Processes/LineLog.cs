namespace OrleansLog.Tests.Processes;

/// <summary>The lines a process has written, the last <see cref="MaxLines"/> of them. Thread-safe.</summary>
/// <param name="copy">A file that is to get them all; null for none.</param>
public sealed class LineLog(string? copy = null)
{
    public const int MaxLines = 10_000;

    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();
    private readonly List<(Func<string, bool> Matches, TaskCompletionSource<string?> Found)> _waits = [];
    private readonly StreamWriter? _copy = copy is null ? null : new StreamWriter(copy) { AutoFlush = true };
    private bool _ended;

    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate) return [.. _lines];
        }
    }

    /// <summary>All lines in one text.</summary>
    public string Text => string.Join('\n', Lines);

    /// <summary>The first line that matches, written already or yet to come; null when the process ends without one.</summary>
    public Task<string?> WaitForAsync(Func<string, bool> matches)
    {
        lock (_gate)
        {
            if (_lines.FirstOrDefault(matches) is { } line) return Task.FromResult<string?>(line);
            if (_ended) return Task.FromResult<string?>(null);
            var found = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
            _waits.Add((matches, found));
            return found.Task;
        }
    }

    internal void Add(string line)
    {
        lock (_gate)
        {
            if (_lines.Count == MaxLines) _lines.Dequeue();
            _lines.Enqueue(line);
            Try(copy => copy.WriteLine(line));
            foreach (var wait in _waits.Where(wait => wait.Matches(line))) wait.Found.TrySetResult(line);
            _waits.RemoveAll(static wait => wait.Found.Task.IsCompleted);
        }
    }

    // A copy that cannot be written must not keep the process from going on.
    private void Try(Action<StreamWriter> action)
    {
        try
        {
            if (_copy is not null) action(_copy);
        }
        catch (IOException)
        {
            // The lines themselves are here.
        }
    }

    internal void End()
    {
        lock (_gate)
        {
            _ended = true;
            foreach (var wait in _waits) wait.Found.TrySetResult(null);
            _waits.Clear();
            Try(static copy => copy.Dispose());
        }
    }
}
