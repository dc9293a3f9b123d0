namespace OrleansLog.Kafka.Server;

/// <summary>
/// Bounds the bytes that all connections have in memory. Whoever finds no room waits, in the order of arrival, which holds the
/// client back by its socket. One that is larger than the whole budget gets in when nobody else is. Thread-safe.
/// </summary>
internal sealed class ByteBudget(long limit, TimeProvider? time = null)
{
    private readonly Lock _gate = new();
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly LinkedList<Waiter> _waiters = [];
    private long _used;

    /// <summary>The bytes let in and not yet let go.</summary>
    public long Used
    {
        get
        {
            lock (_gate) return _used;
        }
    }

    /// <summary>How long the first in line has waited for room; zero when nobody waits.</summary>
    public TimeSpan LongestWait
    {
        get
        {
            lock (_gate) return _waiters.First is { } first ? _time.GetElapsedTime(first.Value.Since) : TimeSpan.Zero;
        }
    }

    /// <summary>Lets <paramref name="bytes"/> in; whoever has got in calls <see cref="Leave"/>.</summary>
    public ValueTask EnterAsync(long bytes, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (_waiters.Count == 0 && HasRoomFor(bytes))
            {
                _used += bytes;
                return ValueTask.CompletedTask;
            }

            return new ValueTask(WaitAsync(_waiters.AddLast(new Waiter(bytes, _time.GetTimestamp())), cancellationToken));
        }
    }

    /// <summary>Counts bytes that are in memory already, room or not; <see cref="Leave"/> is called for them as well.</summary>
    public void Add(long bytes)
    {
        lock (_gate) _used += bytes;
    }

    /// <summary>Lets <paramref name="bytes"/> go.</summary>
    public void Leave(long bytes)
    {
        lock (_gate)
        {
            _used -= bytes;
            LetIn();
        }
    }

    private bool HasRoomFor(long bytes) => _used == 0 || _used + bytes <= limit;

    private async Task WaitAsync(LinkedListNode<Waiter> place, CancellationToken cancellationToken)
    {
        try
        {
            await place.Value.Admitted.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            lock (_gate)
            {
                if (place.Value.Admitted.Task.IsCompleted) _used -= place.Value.Bytes;
                else _waiters.Remove(place);
                LetIn();
            }

            throw;
        }
    }

    private void LetIn()
    {
        while (_waiters.First is { } first && HasRoomFor(first.Value.Bytes))
        {
            _used += first.Value.Bytes;
            _waiters.RemoveFirst();
            first.Value.Admitted.SetResult();
        }
    }

    private sealed class Waiter(long bytes, long since)
    {
        public long Since { get; } = since;

        public long Bytes { get; } = bytes;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
