namespace OrleansLog.Engine.Replication;

/// <summary>
/// The high watermark and those who wait for it to rise. It only rises, while the leader leads. Those who wait for any rise share one
/// signal that exists only while somebody waits, so a partition nobody reads pays for none; who waits for a certain offset is woken
/// when it is there, and not before.
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

    // Those who wait for a certain offset, the lowest first.
    private CommitWaiter? _first;
    private CommitWaiter? _last;
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
        if (offset > Offset && TryRaise(offset, out var rise)) rise.Complete();
    }

    /// <summary>
    /// Raises the high watermark; false when it is there already, or closed. The caller completes <paramref name="rise"/> once it
    /// has left its own lock.
    /// </summary>
    public bool TryRaise(long offset, out CommitRise rise)
    {
        rise = default;
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
            rise = TakeUpTo(offset);
            return true;
        }
    }

    /// <summary>
    /// Completes when the high watermark is at <paramref name="offset"/>, or with the next <see cref="Wake"/>, and fails when the leader is
    /// closed: on another thread than that which raises it, unless <paramref name="goesOnAnywhere"/>, whereby who waits promises not
    /// to hold that up. Who waits no longer says so (<see cref="Leave"/>); <paramref name="waiter"/> is null when there is no need to.
    /// </summary>
    public Task WaitAsync(long offset, bool goesOnAnywhere, out CommitWaiter? waiter)
    {
        waiter = null;
        lock (_gate)
        {
            if (_closed is not null) return Task.FromException(_closed);
            if (_offset >= offset) return Task.CompletedTask;
            waiter = new CommitWaiter(offset, goesOnAnywhere) { IsListed = true };
            // Nearly always behind all others.
            var before = _last;
            while (before is not null && before.Offset > offset) before = before.Previous;
            var after = before is null ? _first : before.Next;
            (waiter.Previous, waiter.Next) = (before, after);
            if (before is null) _first = waiter;
            else before.Next = waiter;
            if (after is null) _last = waiter;
            else after.Previous = waiter;
            return waiter.Task;
        }
    }

    /// <summary>Forgets somebody who waits no longer; whoever has been woken is forgotten already.</summary>
    public void Leave(CommitWaiter waiter)
    {
        lock (_gate)
        {
            if (!waiter.IsListed) return;
            waiter.IsListed = false;
            if (waiter.Previous is { } before) before.Next = waiter.Next;
            else _first = waiter.Next;
            if (waiter.Next is { } after) after.Previous = waiter.Previous;
            else _last = waiter.Previous;
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

    /// <summary>Wakes those who wait, to look whether there will be a rise.</summary>
    public void Wake()
    {
        CommitRise all;
        lock (_gate) all = TakeUpTo(long.MaxValue);
        all.Complete();
    }

    /// <summary>Fails those who wait, and those who will.</summary>
    public void Close(Exception reason)
    {
        CommitRise all;
        lock (_gate)
        {
            _closed ??= reason;
            all = TakeUpTo(long.MaxValue);
        }

        all.Fail(reason);
    }

    // Under the lock.
    private CommitRise TakeUpTo(long offset)
    {
        var signal = _signal;
        _signal = null;
        if (_first is null || _first.Offset > offset) return new CommitRise(signal, null);
        var first = _first;
        CommitWaiter? end = null;
        for (var waiter = _first; waiter is not null && waiter.Offset <= offset; waiter = waiter.Next)
        {
            waiter.IsListed = false;
            end = waiter;
        }

        _first = end!.Next;
        end.Next = null;
        if (_first is null) _last = null;
        else _first.Previous = null;
        return new CommitRise(signal, first);
    }
}
