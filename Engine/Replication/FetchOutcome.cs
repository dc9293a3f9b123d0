using OrleansLog.Engine.Storage;

namespace OrleansLog.Engine.Replication;

/// <summary>What was read of a partition.</summary>
/// <param name="Records">Whole batches, the first of which may begin before the offset asked for; empty when there is nothing.
/// The receiver owns it and disposes of it.</param>
/// <param name="HighWatermark">The offset up to which records are committed.</param>
/// <param name="LastStableOffset">The offset up to which the outcome of every transaction is known.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="LeaderEpoch">The epoch of the leader.</param>
public readonly record struct FetchOutcome(
    LogRead Records, long HighWatermark, long LastStableOffset, long LogStartOffset, int LeaderEpoch);
