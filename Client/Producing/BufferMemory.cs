using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// The producer's budget of buffered bytes. Who finds it used up waits without a thread, first come first served; nobody passes
/// those who wait.
/// </summary>
internal sealed class BufferMemory(long total, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiters = new();
    private readonly long _total = total;
    private long _free = total;

    public long Free => Volatile.Read(ref _free);

    public bool TryReserve(int bytes)
    {
        lock (_gate)
        {
            if (_waiters.Count > 0 || _free < bytes) return false;
            _free -= bytes;
            return true;
        }
    }

    /// <summary>Takes bytes even beyond the budget: for a record that is written already.</summary>
    public void Overdraw(int bytes)
    {
        lock (_gate) _free -= bytes;
    }

    /// <exception cref="OrleansLogException">RequestTimedOut: nothing was freed for so long.</exception>
    public async ValueTask ReserveAsync(int bytes, TimeSpan timeout, CancellationToken cancellationToken)
    {
        Waiter waiter;
        lock (_gate)
        {
            if (_waiters.Count == 0 && _free >= bytes)
            {
                _free -= bytes;
                return;
            }

            waiter = new Waiter(bytes);
            waiter.Node = _waiters.AddLast(waiter);
        }

        try
        {
            await waiter.Task.WaitAsync(timeout, time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            Withdraw(waiter);
            if (exception is not TimeoutException) throw;
            throw new OrleansLogException(
                ErrorCode.RequestTimedOut,
                $"No room for another record within {timeout.TotalMilliseconds:0} ms (MaxBlockMs): the {_total} bytes of " +
                "BufferMemory are waiting to be delivered.");
        }
    }

    public void Release(int bytes)
    {
        lock (_gate)
        {
            _free += bytes;
            GrantWaiters();
        }
    }

    private void GrantWaiters()
    {
        while (_waiters.First is { Value: var first } && _free >= first.Bytes)
        {
            _waiters.RemoveFirst();
            first.Node = null;
            _free -= first.Bytes;
            first.TrySetResult();
        }
    }

    private void Withdraw(Waiter waiter)
    {
        lock (_gate)
        {
            if (waiter.Node is not null) _waiters.Remove(waiter.Node);
            else _free += waiter.Bytes; // it was granted while it gave up
            waiter.Node = null;
            GrantWaiters();
        }
    }

    private sealed class Waiter(int bytes) : TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public int Bytes { get; } = bytes;

        public LinkedListNode<Waiter>? Node { get; set; }
    }
}
