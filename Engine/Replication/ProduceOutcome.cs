namespace OrleansLog.Engine.Replication;

/// <summary>Where appended batches are.</summary>
/// <param name="BaseOffsets">The offset of each batch's first record, in the request's order; a batch that was there already
/// has the offset it was given then.</param>
/// <param name="LogAppendTimeMs">The timestamp the leader gave the records; -1 when they keep their own.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="LeaderEpoch">The epoch of the leader.</param>
public readonly record struct ProduceOutcome(long[] BaseOffsets, long LogAppendTimeMs, long LogStartOffset, int LeaderEpoch);
