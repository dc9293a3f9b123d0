using System.Runtime.InteropServices;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// What a log knows of its idempotent producers, so that each batch is appended once and in order. An append first checks its
/// batches and stages them; they count once the bytes are written and <see cref="Commit"/> is called.
/// Threads: all under the log's append lock.
/// </summary>
internal sealed class ProducerStateManager(TopicPartition partition, ProducerStateOptions options)
{
    private readonly Dictionary<long, ProducerEntry> _producers = [];
    private readonly List<Staged> _staged = [];

    private readonly record struct Staged(long ProducerId, short Epoch, ProducerBatch Batch, bool IsTransactional, bool IsControl);

    /// <summary>How many producers are known.</summary>
    public int Count => _producers.Count;

    public IReadOnlyCollection<ProducerEntry> Producers => _producers.Values;

    /// <summary>The least first offset of an open transaction; -1 when there is none.</summary>
    public long FirstUndecidedOffset
    {
        get
        {
            var first = -1L;
            foreach (var producer in _producers.Values)
            {
                var offset = producer.CurrentTransactionFirstOffset;
                if (offset >= 0 && (first < 0 || offset < first)) first = offset;
            }

            return first;
        }
    }

    public ProducerSummary? Find(long producerId) => _producers.TryGetValue(producerId, out var entry)
        ? new ProducerSummary(
            producerId, entry.Epoch, entry.LastSequence, entry.LastOffset, entry.LastTimestampMs, entry.CurrentTransactionFirstOffset)
        : null;

    // Sequence numbers are 31 bits and wrap. They are dense, so one before the last was appended, though the batch is
    // not among those remembered.
    private static bool IsBehind(in RecordBatchHeader header, int lastSequence)
    {
        if (lastSequence < 0) return false;
        var last = unchecked(header.BaseSequence + header.LastOffsetDelta) & int.MaxValue;
        return (unchecked(lastSequence - last) & int.MaxValue) < 1 << 30;
    }

    /// <summary>
    /// Judges a batch that a producer sent: the batch remembered when it was appended before, null when it is to be appended now.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.InvalidProducerEpoch"/>,
    /// <see cref="ErrorCode.OutOfOrderSequenceNumber"/>, or <see cref="ErrorCode.DuplicateSequenceNumber"/> when the batch was appended so
    /// long ago that its offset is not remembered.</exception>
    public ProducerBatch? Check(in RecordBatchHeader header, long nowMs)
    {
        var (epoch, lastSequence) = LastOf(header.ProducerId, nowMs);
        if (epoch < 0) return null;
        if (header.ProducerEpoch < epoch)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidProducerEpoch,
                $"Producer {header.ProducerId} sent epoch {header.ProducerEpoch} to {partition}, which has seen its epoch {epoch}.");
        }

        if (header.IsControl) return null;
        if (header.ProducerEpoch > epoch)
        {
            if (header.BaseSequence != 0) throw OutOfOrder(header, $"a new epoch (the last was {epoch}) begins with sequence 0");
            return null;
        }

        if (FindDuplicate(header) is { } duplicate) return duplicate;
        var expected = lastSequence == int.MaxValue ? 0 : lastSequence + 1;
        if (IsBehind(header, lastSequence))
        {
            throw new OrleansLogException(
                ErrorCode.DuplicateSequenceNumber,
                $"Producer {header.ProducerId} sent {partition} the sequence numbers from {header.BaseSequence} on again; they were appended, "
                + "but where is not remembered.");
        }

        if (lastSequence >= 0 ? header.BaseSequence != expected : header.BaseSequence != 0)
            throw OutOfOrder(header, $"sequence {expected} comes next");
        return null;
    }

    /// <summary>Notes a batch that passed <see cref="Check"/> and is about to be written; its offsets are set.</summary>
    public void Stage(in RecordBatchHeader header, long nowMs)
    {
        var batch = new ProducerBatch(header.LastSequence, header.LastOffset, header.LastOffsetDelta, nowMs);
        _staged.Add(new Staged(header.ProducerId, header.ProducerEpoch, batch, header.IsTransactional, header.IsControl));
    }

    /// <summary>Makes what was staged count, as far as it lies before the offset.</summary>
    public void Commit(long endOffset)
    {
        var count = 0;
        foreach (ref readonly var staged in CollectionsMarshal.AsSpan(_staged))
        {
            if (staged.Batch.LastOffset >= endOffset) break;
            count++;
            if (staged.IsControl) ApplyMarker(staged.ProducerId, staged.Epoch, staged.Batch.TimestampMs);
            else Apply(staged.ProducerId, staged.Epoch, staged.Batch, staged.IsTransactional);
        }

        _staged.RemoveRange(0, count);
    }

    /// <summary>Forgets what was staged.</summary>
    public void Discard() => _staged.Clear();

    /// <summary>Takes in a batch that is in the log already.</summary>
    public void Replay(in RecordBatchHeader header, long nowMs)
    {
        if (!header.HasProducerId) return;
        if (header.IsControl) ApplyMarker(header.ProducerId, header.ProducerEpoch, nowMs);
        else if (header.BaseSequence >= 0)
        {
            // Records carry the producer's own times, which may be old; the producer itself may be retrying right now.
            var batch = new ProducerBatch(header.LastSequence, header.LastOffset, header.LastOffsetDelta, nowMs);
            Apply(header.ProducerId, header.ProducerEpoch, batch, header.IsTransactional);
        }
    }

    /// <summary>Replaces everything by the content of a snapshot.</summary>
    public void Load(IEnumerable<ProducerEntry> producers)
    {
        Clear();
        foreach (var producer in producers) _producers[producer.ProducerId] = producer;
    }

    public void Clear()
    {
        _producers.Clear();
        _staged.Clear();
    }

    /// <summary>Forgets producers that were not heard of for the expiration time and have no open transaction.</summary>
    public void RemoveExpired(long nowMs)
    {
        foreach (var producer in _producers.Values)
            if (IsExpired(producer, nowMs)) _producers.Remove(producer.ProducerId);
    }

    /// <summary>A snapshot of all there is, as the content of its file.</summary>
    public byte[] Snapshot() => ProducerSnapshotFile.Format(_producers.Values);

    private void Apply(long producerId, short epoch, in ProducerBatch batch, bool isTransactional)
    {
        var entry = GetOrAdd(producerId);
        entry.Add(epoch, batch);
        if (isTransactional && entry.CurrentTransactionFirstOffset < 0)
            entry.CurrentTransactionFirstOffset = batch.FirstOffset;
    }

    private void ApplyMarker(long producerId, short epoch, long nowMs)
    {
        var entry = GetOrAdd(producerId);
        if (epoch > entry.Epoch) entry.BeginEpoch(epoch);
        entry.CurrentTransactionFirstOffset = -1;
        entry.LastTimestampMs = nowMs;
    }

    private ProducerEntry GetOrAdd(long producerId)
    {
        if (_producers.TryGetValue(producerId, out var entry)) return entry;
        if (_producers.Count >= options.MaxProducers) RemoveOldest();
        return _producers[producerId] = new ProducerEntry(producerId);
    }

    private (short Epoch, int LastSequence) LastOf(long producerId, long nowMs)
    {
        for (var i = _staged.Count - 1; i >= 0; i--)
            if (_staged[i].ProducerId == producerId) return (_staged[i].Epoch, _staged[i].Batch.LastSequence);
        return _producers.TryGetValue(producerId, out var entry) && !IsExpired(entry, nowMs)
            ? (entry.Epoch, entry.LastSequence) : ((short)-1, -1);
    }

    private ProducerBatch? FindDuplicate(in RecordBatchHeader header)
    {
        foreach (ref readonly var staged in CollectionsMarshal.AsSpan(_staged))
        {
            if (staged.ProducerId == header.ProducerId && staged.Epoch == header.ProducerEpoch
                && staged.Batch.FirstSequence == header.BaseSequence && staged.Batch.LastSequence == header.LastSequence)
                return staged.Batch;
        }

        return _producers.TryGetValue(header.ProducerId, out var entry)
            ? entry.FindDuplicate(header.ProducerEpoch, header.BaseSequence, header.LastSequence) : null;
    }

    private bool IsExpired(ProducerEntry producer, long nowMs) =>
        producer.CurrentTransactionFirstOffset < 0 && nowMs - producer.LastTimestampMs >= options.ExpirationMs;

    // A tenth at a time, so that a flood of new ids does not sort them all for each.
    private void RemoveOldest()
    {
        var oldest = _producers.Values.Where(producer => producer.CurrentTransactionFirstOffset < 0)
            .OrderBy(producer => producer.LastTimestampMs).Take(Math.Max(1, options.MaxProducers / 10)).ToList();
        foreach (var producer in oldest) _producers.Remove(producer.ProducerId);
    }

    private OrleansLogException OutOfOrder(in RecordBatchHeader header, string rule) => new(
        ErrorCode.OutOfOrderSequenceNumber,
        $"Producer {header.ProducerId} (epoch {header.ProducerEpoch}) sent {partition} the sequence numbers {header.BaseSequence} to "
        + $"{header.LastSequence}, but {rule}.");
}
