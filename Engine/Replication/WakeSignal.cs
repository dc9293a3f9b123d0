namespace OrleansLog.Engine.Replication;

/// <summary>
/// Wakes the one loop that waits for something to do. Setting it twice is as once; setting it while the loop is busy costs one
/// look at a field. Thread-safe.
/// </summary>
internal sealed class WakeSignal
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _waiter;
    private bool _isSet;

    /// <summary>Wakes the loop, or lets its next wait end at once.</summary>
    public void Set()
    {
        if (Volatile.Read(ref _isSet)) return;
        TaskCompletionSource? waiter;
        lock (_gate)
        {
            (waiter, _waiter) = (_waiter, null);
            Volatile.Write(ref _isSet, waiter is null);
        }

        waiter?.TrySetResult();
    }

    /// <summary>Completes with the next <see cref="Set"/>, or at once when there was one since the last wait.</summary>
    public Task WaitAsync()
    {
        lock (_gate)
        {
            if (!_isSet) return (_waiter ??= Continuations.NewCompletion()).Task;
            Volatile.Write(ref _isSet, false);
            return Task.CompletedTask;
        }
    }
}
