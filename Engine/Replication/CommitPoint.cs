namespace OrleansLog.Engine.Replication;

/// <summary>
/// The high watermark and those who wait for it to rise. It only rises, while the leader leads. Waiters share one signal
/// that exists only while somebody waits, so a partition nobody reads pays for none.
/// Thread-safe; no waiter's code runs under its lock.
/// </summary>
internal sealed class CommitPoint(long offset)
{
    /// <summary>Appends told apart when bytes are counted; beyond, the last two count as one.</summary>
    private const int MaxUncommittedEntries = 1024;

    private readonly Lock _gate = new();
    private readonly Queue<(long EndOffset, long TotalBytes)> _uncommitted = new();
    private (long EndOffset, long TotalBytes) _newest = (offset, 0);
    private TaskCompletionSource? _signal;
    private Exception? _closed;
    private long _offset = offset;
    private long _committedBytes;

    /// <summary>The high watermark: records before it are committed.</summary>
    public long Offset => Volatile.Read(ref _offset);

    /// <summary>Bytes committed since this leader took office; the measure for how much more there is to read.</summary>
    public long CommittedBytes => Volatile.Read(ref _committedBytes);

    /// <summary>
    /// Notes an append that is not committed yet; in the order of the appends. Bytes may be overstated, never understated: who
    /// waits for them looks in vain then, and goes on waiting.
    /// </summary>
    public void Appended(long endOffset, long bytes)
    {
        lock (_gate)
        {
            if (_newest.EndOffset > _offset && _uncommitted.Count < MaxUncommittedEntries) _uncommitted.Enqueue(_newest);
            _newest = (endOffset, _newest.TotalBytes + bytes);
            // Another's flush may have covered it already.
            if (endOffset <= _offset) Volatile.Write(ref _committedBytes, _newest.TotalBytes);
        }
    }

    /// <summary>Raises the high watermark and wakes those who wait; does nothing when it is there already, or closed.</summary>
    public void AdvanceTo(long offset)
    {
        if (offset > Offset && TryRaise(offset, out var signal)) signal?.TrySetResult();
    }

    /// <summary>
    /// Raises the high watermark; false when it is there already, or closed. The caller completes <paramref name="signal"/> once it
    /// has left its own lock.
    /// </summary>
    public bool TryRaise(long offset, out TaskCompletionSource? signal)
    {
        signal = null;
        lock (_gate)
        {
            if (offset <= _offset || _closed is not null) return false;
            var committed = _committedBytes;
            while (_uncommitted.TryPeek(out var append) && append.EndOffset <= offset)
            {
                committed = append.TotalBytes;
                _uncommitted.Dequeue();
            }

            if (_newest.EndOffset <= offset) committed = _newest.TotalBytes;
            Volatile.Write(ref _committedBytes, committed);
            Volatile.Write(ref _offset, offset);
            (signal, _signal) = (_signal, null);
            return true;
        }
    }

    /// <summary>
    /// Completes at the next rise (or <see cref="Wake"/>), or fails when the leader is closed. Take it first and look at <see cref="Offset"/> then:
    /// a rise in between completes it.
    /// </summary>
    public Task NextAdvance()
    {
        lock (_gate)
        {
            if (_closed is not null) return Task.FromException(_closed);
            return (_signal ??= Continuations.NewCompletion()).Task;
        }
    }

    /// <summary>Wakes those who wait for a rise, to look whether there will be one.</summary>
    public void Wake()
    {
        TaskCompletionSource? signal;
        lock (_gate) (signal, _signal) = (_signal, null);
        signal?.TrySetResult();
    }

    /// <summary>Fails those who wait, and those who will.</summary>
    public void Close(Exception reason)
    {
        TaskCompletionSource? signal;
        lock (_gate)
        {
            _closed ??= reason;
            (signal, _signal) = (_signal, null);
        }

        if (signal is null) return;
        signal.TrySetException(reason);
        // Its waiters may all have left meanwhile; nobody is owed this exception then.
        _ = signal.Task.Exception;
    }
}
