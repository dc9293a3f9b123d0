namespace OrleansLog.Engine.Storage;

/// <summary>
/// What a log knows of one idempotent producer: its epoch and its last batches, at most <see cref="WindowSize"/>, which is how
/// many a producer may have in flight. Changed under the log's append lock.
/// </summary>
internal sealed class ProducerEntry(long producerId)
{
    /// <summary>How many batches of a producer are remembered.</summary>
    public const int WindowSize = 5;

    private ProducerBatch[] _window = [];
    private int _count;

    public long ProducerId { get; } = producerId;

    /// <summary>Epoch of the producer; -1 while nothing is known.</summary>
    public short Epoch { get; set; } = -1;

    /// <summary>Epoch of the transaction coordinator that wrote the last marker; -1 for none.</summary>
    public int CoordinatorEpoch { get; set; } = -1;

    /// <summary>First offset of the open transaction; -1 for none.</summary>
    public long CurrentTransactionFirstOffset { get; set; } = -1;

    /// <summary>Timestamp of the producer's last batch or marker.</summary>
    public long LastTimestampMs { get; set; } = -1;

    public bool IsEmpty => _count == 0;

    /// <summary>The batches remembered, the oldest first.</summary>
    public ReadOnlySpan<ProducerBatch> Batches => _window.AsSpan(0, _count);

    /// <summary>Sequence number of the last record; -1 when no batch is remembered.</summary>
    public int LastSequence => _count == 0 ? -1 : _window[_count - 1].LastSequence;

    /// <summary>Offset of the last record; -1 when no batch is remembered.</summary>
    public long LastOffset => _count == 0 ? -1 : _window[_count - 1].LastOffset;

    /// <summary>Remembers a batch; one of a newer epoch makes those of the older forgotten.</summary>
    public void Add(short epoch, in ProducerBatch batch)
    {
        if (epoch != Epoch) BeginEpoch(epoch);
        if (_count == WindowSize)
        {
            _window.AsSpan(1).CopyTo(_window);
            _count--;
        }
        else if (_count == _window.Length)
        {
            // Most producers of an idle partition have sent one batch; a window for each would be a waste.
            Array.Resize(ref _window, _count == 0 ? 1 : WindowSize);
        }

        _window[_count++] = batch;
        LastTimestampMs = Math.Max(LastTimestampMs, batch.TimestampMs);
    }

    /// <summary>Goes on under another epoch; the batches of the old one are forgotten.</summary>
    public void BeginEpoch(short epoch)
    {
        _count = 0;
        Epoch = epoch;
    }

    /// <summary>The batch remembered with exactly these sequence numbers.</summary>
    public ProducerBatch? FindDuplicate(short epoch, int firstSequence, int lastSequence)
    {
        if (epoch != Epoch) return null;
        foreach (ref readonly var batch in Batches)
            if (batch.FirstSequence == firstSequence && batch.LastSequence == lastSequence) return batch;
        return null;
    }
}
