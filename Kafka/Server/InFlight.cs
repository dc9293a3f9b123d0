namespace OrleansLog.Kafka.Server;

/// <summary>The requests of one connection that are not answered yet, bounded in number and bytes. One waits at a time.</summary>
internal sealed class InFlight(int maxCount, int maxBytes)
{
    private readonly Lock _gate = new();
    private TaskCompletionSource? _left;
    private int _count;
    private long _bytes;

    /// <summary>How many there are.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Lets one more in, when there is room; one that is too large by itself when it is alone.</summary>
    public async ValueTask EnterAsync(int bytes, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task left;
            lock (_gate)
            {
                if (_count == 0 || (_count < maxCount && _bytes + bytes <= maxBytes))
                {
                    _count++;
                    _bytes += bytes;
                    return;
                }

                left = NextLeave();
            }

            await left.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until only one is left: the caller's own.</summary>
    public async ValueTask WhenAloneAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            Task left;
            lock (_gate)
            {
                if (_count <= 1) return;
                left = NextLeave();
            }

            await left.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>One has been answered.</summary>
    public void Leave(int bytes)
    {
        TaskCompletionSource? left;
        lock (_gate)
        {
            _count--;
            _bytes -= bytes;
            left = _left;
            _left = null;
        }

        left?.SetResult();
    }

    private Task NextLeave() => (_left ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
}
