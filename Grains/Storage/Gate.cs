namespace OrleansLog.Grains.Storage;

/// <summary>Lets asynchronous actions through one at a time, in the order they came. Thread-safe.</summary>
#pragma warning disable CA1001 // the semaphore's wait handle is never asked for, so it holds nothing to dispose of
internal sealed class Gate
#pragma warning restore CA1001
{
    private readonly SemaphoreSlim _free = new(1, 1);

    /// <summary>Runs <paramref name="action"/> when those before it are done.</summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> action)
    {
        await _free.WaitAsync();
        try
        {
            return await action();
        }
        finally
        {
            _free.Release();
        }
    }

    /// <summary>Runs <paramref name="action"/> when those before it are done.</summary>
    public async Task RunAsync(Func<Task> action)
    {
        await _free.WaitAsync();
        try
        {
            await action();
        }
        finally
        {
            _free.Release();
        }
    }
}
