using OrleansLog.Client;

namespace OrleansLog.Cli.Produce;

/// <summary>
/// Follows the deliveries of records in the order in which they were buffered, and counts how they end. Not thread-safe. It
/// holds 24 bytes a record under way and at most <see cref="Capacity"/> of them: then it waits for the oldest.
/// </summary>
internal sealed class DeliveryQueue
{
    /// <summary>How many deliveries may be under way.</summary>
    public const int Capacity = 1 << 21;

    private PendingDelivery[] _ring = new PendingDelivery[1 << 12];
    private int _head;
    private int _count;

    /// <summary>How many records were acknowledged.</summary>
    public long Delivered { get; private set; }

    /// <summary>How many records failed.</summary>
    public long Failed { get; private set; }

    /// <summary>How many deliveries have not ended.</summary>
    public int Pending => _count;

    /// <summary>Why the first record that failed did so; null while none has.</summary>
    public Exception? FirstFailure { get; private set; }

    /// <summary>The first record that failed, counted from 0 over all that were added or refused; -1 while none has.</summary>
    public long FirstFailedIndex { get; private set; } = -1;

    /// <summary>Adds a record's delivery, and takes out those that have ended.</summary>
    public ValueTask AddAsync(PendingDelivery delivery, CancellationToken cancellationToken)
    {
        Reap();
        if (_count < Capacity)
        {
            Push(delivery);
            return default;
        }

        return WaitAndAddAsync(delivery, cancellationToken);
    }

    /// <summary>Counts a record that could not even be buffered.</summary>
    public void AddRefused(Exception failure) => Fail(failure, Delivered + Failed + _count);

    /// <summary>Takes out deliveries that have ended, up to the first that has not.</summary>
    public void Reap()
    {
        while (_count > 0 && _ring[_head].IsCompleted)
            Settle();
    }

    /// <summary>Waits until every delivery has ended.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        for (Reap(); _count > 0; Reap())
            await WaitForHeadAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WaitAndAddAsync(PendingDelivery delivery, CancellationToken cancellationToken)
    {
        try
        {
            await WaitForHeadAsync(cancellationToken).ConfigureAwait(false);
            Reap();
        }
        finally
        {
            Push(delivery); // it is under way, whether or not anybody has the patience to wait
        }
    }

    private async Task WaitForHeadAsync(CancellationToken cancellationToken)
    {
        Task head = _ring[_head].AsTask();
        await head.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!head.IsCompleted)
            cancellationToken.ThrowIfCancellationRequested();
    }

    /// <summary>Counts the oldest delivery. The first failure is thrown and caught; later ones, which may be very many (all
    /// that was under way when the topic went away), are looked at without that cost.</summary>
    private void Settle()
    {
        var index = Delivered + Failed;
        var delivery = _ring[_head];
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        _count--;
        if (FirstFailure is not null)
        {
            var task = delivery.AsTask();
            if (task.IsCompletedSuccessfully)
                Delivered++;
            else
                Fail(task.Exception?.InnerException ?? new TaskCanceledException(task), index);
            return;
        }

        try
        {
            delivery.GetAwaiter().GetResult();
            Delivered++;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            Fail(exception, index);
        }
    }

    private void Fail(Exception failure, long index)
    {
        Failed++;
        if (FirstFailure is not null)
            return;
        FirstFailure = failure;
        FirstFailedIndex = index;
    }

    private void Push(PendingDelivery delivery)
    {
        if (_count == _ring.Length)
            Grow();
        _ring[(_head + _count) & (_ring.Length - 1)] = delivery;
        _count++;
    }

    private void Grow()
    {
        var larger = new PendingDelivery[_ring.Length * 2];
        var front = _ring.Length - _head;
        Array.Copy(_ring, _head, larger, 0, front);
        Array.Copy(_ring, 0, larger, front, _head);
        _ring = larger;
        _head = 0;
    }
}
