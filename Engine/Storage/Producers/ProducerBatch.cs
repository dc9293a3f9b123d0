namespace OrleansLog.Engine.Storage;

/// <summary>What is remembered of a batch of an idempotent producer.</summary>
/// <param name="LastSequence">Sequence number of the last record.</param>
/// <param name="LastOffset">Offset of the last record.</param>
/// <param name="OffsetDelta">Number of records less one.</param>
/// <param name="TimestampMs">Greatest timestamp of the batch.</param>
internal readonly record struct ProducerBatch(int LastSequence, long LastOffset, int OffsetDelta, long TimestampMs)
{
    /// <summary>Sequence number of the first record; sequence numbers wrap from int.MaxValue to 0.</summary>
    public int FirstSequence => (int)(((long)LastSequence - OffsetDelta) & int.MaxValue);

    /// <summary>Offset of the first record.</summary>
    public long FirstOffset => LastOffset - OffsetDelta;
}
