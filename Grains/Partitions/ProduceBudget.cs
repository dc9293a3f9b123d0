using Microsoft.Extensions.Options;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Bounds the bytes of records that are on their way to disk on this silo. Whoever finds no room waits, in the order of
/// arrival, and is refused when its time is over. Thread-safe.
/// </summary>
internal sealed class ProduceBudget(IOptions<OrleansLogOptions> options, TimeProvider time)
{
    private readonly long _limit = options.Value.MaxInFlightProduceBytes;
    private readonly Lock _gate = new();
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

    /// <summary>Lets <paramref name="bytes"/> in; whoever has got in calls <see cref="Leave"/>.</summary>
    /// <exception cref="OrleansLogException">RecordListTooLarge: it alone is over the bound; RequestTimedOut: there was no room
    /// in time. Nothing was appended.</exception>
    public ValueTask EnterAsync(int bytes, TimeSpan timeout)
    {
        if (bytes > _limit)
        {
            throw new OrleansLogException(
                ErrorCode.RecordListTooLarge,
                $"The request holds {bytes} bytes of records; {Setting} lets {_limit} in at a time.");
        }

        lock (_gate)
        {
            if (_waiters.Count == 0 && _used + bytes <= _limit)
            {
                _used += bytes;
                return ValueTask.CompletedTask;
            }

            return new ValueTask(WaitAsync(_waiters.AddLast(new Waiter(bytes)), timeout));
        }
    }

    /// <summary>Lets <paramref name="bytes"/> go.</summary>
    public void Leave(int bytes)
    {
        lock (_gate)
        {
            _used -= bytes;
            LetIn();
        }
    }

    private static string Setting => $"{OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.MaxInFlightProduceBytes)}";

    private async Task WaitAsync(LinkedListNode<Waiter> place, TimeSpan timeout)
    {
        try
        {
            await place.Value.Admitted.Task.WaitAsync(timeout, time);
        }
        catch (TimeoutException)
        {
            lock (_gate)
            {
                if (place.Value.Admitted.Task.IsCompleted) return;
                _waiters.Remove(place);
                // It may have been the large one that held up the small ones behind it.
                LetIn();
            }

            throw new OrleansLogException(
                ErrorCode.RequestTimedOut,
                $"There was no room for {place.Value.Bytes} bytes of records within {timeout.TotalMilliseconds} ms: "
                + $"{_limit} bytes are on their way to disk, as many as {Setting} allows. Nothing was appended.");
        }
    }

    private void LetIn()
    {
        while (_waiters.First is { } first && _used + first.Value.Bytes <= _limit)
        {
            _used += first.Value.Bytes;
            _waiters.RemoveFirst();
            first.Value.Admitted.SetResult();
        }
    }

    private sealed class Waiter(int bytes)
    {
        public int Bytes { get; } = bytes;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
