using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>A request that waits for those before it.</summary>
internal sealed class ParkedAppend(Memory<byte> batches, RecordBatchHeader first)
{
    /// <summary>Its batches; the caller keeps the buffer until the request is answered.</summary>
    public Memory<byte> Batches { get; } = batches;

    /// <summary>Header of its first batch.</summary>
    public RecordBatchHeader First { get; } = first;

    /// <summary>Its answer, once it was appended or has failed.</summary>
    public TaskCompletionSource<LogAppendResult> Done { get; } = Continuations.NewCompletion<LogAppendResult>();
}

/// <summary>
/// Puts the requests of a pipelined idempotent producer back in order. The network may swap requests that were sent without
/// waiting for each other; one whose first sequence number is ahead of the producer's next is kept back, within bounds, until
/// the ones before it have been appended. Not thread-safe: every call is made under the leader's append lock.
/// </summary>
internal sealed class SequenceGate(PartitionLeaderOptions options)
{
    private readonly Dictionary<long, List<ParkedAppend>> _parked = [];
    private long _parkedBytes;

    /// <summary>Whether nobody waits.</summary>
    public bool IsEmpty => _parked.Count == 0;

    /// <summary>
    /// Whether the batch must wait for others of its producer. One that is behind need not: it is a duplicate or an error, and
    /// the log says which.
    /// </summary>
    public static bool IsAhead(in RecordBatchHeader first, ProducerSummary? known)
    {
        if (known is not { } producer || first.ProducerEpoch > producer.Epoch) return first.BaseSequence != 0;
        if (first.ProducerEpoch < producer.Epoch) return false;
        // Sequence numbers are 31 bits and wrap: ahead is what lies in the half circle before the producer.
        var next = producer.LastSequence < 0 ? 0 : unchecked(producer.LastSequence + 1) & int.MaxValue;
        var distance = unchecked(first.BaseSequence - next) & int.MaxValue;
        return distance is > 0 and < 1 << 30;
    }

    /// <summary>Keeps a request back; null when that would pass a bound.</summary>
    public ParkedAppend? TryPark(Memory<byte> batches, in RecordBatchHeader first)
    {
        if (_parkedBytes + batches.Length > options.MaxParkedBytes) return null;
        if (!_parked.TryGetValue(first.ProducerId, out var list)) list = [];
        if (list.Count >= options.MaxParkedRequestsPerProducer) return null;
        var parked = new ParkedAppend(batches, first);
        list.Add(parked);
        _parked[first.ProducerId] = list;
        _parkedBytes += batches.Length;
        return parked;
    }

    /// <summary>Takes out a request of the producer whose turn has come; null when there is none.</summary>
    public ParkedAppend? TakeNext(long producerId, ProducerSummary? known)
    {
        if (!_parked.TryGetValue(producerId, out var list)) return null;
        foreach (var parked in list)
        {
            if (IsAhead(parked.First, known)) continue;
            Remove(parked);
            return parked;
        }

        return null;
    }

    /// <summary>Takes out a request that has waited too long; false when it is not there any more.</summary>
    public bool Remove(ParkedAppend parked)
    {
        var producerId = parked.First.ProducerId;
        if (!_parked.TryGetValue(producerId, out var list) || !list.Remove(parked)) return false;
        if (list.Count == 0) _parked.Remove(producerId);
        _parkedBytes -= parked.Batches.Length;
        return true;
    }

    /// <summary>Fails everyone who waits.</summary>
    public void FailAll(Exception reason)
    {
        foreach (var parked in _parked.Values.SelectMany(list => list)) parked.Done.TrySetException(reason);
        _parked.Clear();
        _parkedBytes = 0;
    }
}
