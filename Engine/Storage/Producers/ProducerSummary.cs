namespace OrleansLog.Engine.Storage;

/// <summary>What a log knows of an idempotent producer.</summary>
/// <param name="ProducerId">The producer's id.</param>
/// <param name="Epoch">Its latest epoch.</param>
/// <param name="LastSequence">Sequence number of its last record in that epoch; -1 for none.</param>
/// <param name="LastOffset">Offset of that record; -1 for none.</param>
/// <param name="LastTimestampMs">When it was last heard of.</param>
/// <param name="CurrentTransactionFirstOffset">First offset of its open transaction; -1 for none.</param>
public readonly record struct ProducerSummary(
    long ProducerId, short Epoch, int LastSequence, long LastOffset, long LastTimestampMs, long CurrentTransactionFirstOffset);
