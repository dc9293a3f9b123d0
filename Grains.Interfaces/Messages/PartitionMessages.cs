using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>Record batches for one partition.</summary>
/// <param name="Records">One or more whole batches. The caller keeps the buffer until the call has returned.</param>
/// <param name="Acks">-1: answer when all in-sync replicas have them; 1: when the leader has them; 0: at once.</param>
/// <param name="TimeoutMs">How long the leader may wait for the acknowledgement, from 1.</param>
/// <param name="CurrentLeaderEpoch">The leader epoch the caller believes in; -1 for none.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ProduceRequest")]
public sealed record ProduceRequest(
    [property: Id(0)] RecordBytes Records,
    [property: Id(1)] short Acks,
    [property: Id(2)] int TimeoutMs,
    [property: Id(3)] int CurrentLeaderEpoch = -1);

/// <summary>Where the batches of a <see cref="ProduceRequest"/> are.</summary>
/// <param name="BaseOffsets">The offset of each batch's first record, in the request's order; -1 each with acks=0. A batch that
/// was there already (the retry of an idempotent producer) answers with the offset it has.</param>
/// <param name="LogAppendTimeMs">The timestamp given to the records by the leader; -1 when they keep their own.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="LeaderEpoch">The epoch of the leader that answered.</param>
/// <param name="LeaderNode">Its node id; -1 when not told.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ProduceResponse")]
public sealed record ProduceResponse(
    [property: Id(0)] long[] BaseOffsets,
    [property: Id(1)] long LogAppendTimeMs,
    [property: Id(2)] long LogStartOffset,
    [property: Id(3)] int LeaderEpoch,
    [property: Id(4)] int LeaderNode = -1);

/// <summary>What to read of one partition.</summary>
/// <param name="Offset">The first offset wanted.</param>
/// <param name="MaxBytes">About how many bytes to return at most; at least one whole batch is returned however large it is.</param>
/// <param name="MinBytes">How many bytes to wait for.</param>
/// <param name="MaxWaitMs">How long to wait for them; 0 not to wait.</param>
/// <param name="ReadCommitted">Whether to read up to the last stable offset only.</param>
/// <param name="CurrentLeaderEpoch">The leader epoch the caller believes in; -1 for none.</param>
/// <param name="MayBeEmpty">Whether nothing is returned where one whole batch would exceed <paramref name="MaxBytes"/>.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.FetchRequest")]
public sealed record FetchRequest(
    [property: Id(0)] long Offset,
    [property: Id(1)] int MaxBytes,
    [property: Id(2)] int MinBytes = 1,
    [property: Id(3)] int MaxWaitMs = 0,
    [property: Id(4)] bool ReadCommitted = false,
    [property: Id(5)] int CurrentLeaderEpoch = -1,
    [property: Id(6)] bool MayBeEmpty = false);

/// <summary>What was read.</summary>
/// <param name="Records">Whole batches, the first of which may begin before the offset asked for; empty when there is nothing.
/// Its receiver owns it and disposes of it.</param>
/// <param name="HighWatermark">The offset up to which records are committed.</param>
/// <param name="LastStableOffset">The offset up to which the outcome of every transaction is known.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="LeaderEpoch">The epoch of the leader that answered.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.FetchResponse")]
public sealed record FetchResponse(
    [property: Id(0)] RecordBytes Records,
    [property: Id(1)] long HighWatermark,
    [property: Id(2)] long LastStableOffset,
    [property: Id(3)] long LogStartOffset,
    [property: Id(4)] int LeaderEpoch);

/// <summary>Offsets that are asked for by name, in place of a timestamp; the numbers are Kafka's.</summary>
public static class OffsetSpec
{
    /// <summary>The high watermark: the offset the next committed record will have.</summary>
    public const long Latest = -1;

    /// <summary>The first offset kept.</summary>
    public const long Earliest = -2;

    /// <summary>The record with the greatest timestamp.</summary>
    public const long MaxTimestamp = -3;
}

/// <summary>A record's offset and timestamp.</summary>
/// <param name="Offset">The offset; -1 when no record fits.</param>
/// <param name="TimestampMs">Its timestamp; -1 when none is known.</param>
/// <param name="LeaderEpoch">The leader epoch of its batch; -1 when not known.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.OffsetAndTimestamp")]
public readonly record struct OffsetAndTimestamp(
    [property: Id(0)] long Offset,
    [property: Id(1)] long TimestampMs,
    [property: Id(2)] int LeaderEpoch);

/// <summary>Where a leader epoch ends.</summary>
/// <param name="LeaderEpoch">The epoch found; -1 when none is known.</param>
/// <param name="EndOffset">The offset after its last record; -1 when none is known.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.EpochEndOffset")]
public readonly record struct EpochEndOffset(
    [property: Id(0)] int LeaderEpoch,
    [property: Id(1)] long EndOffset);

/// <summary>The state of a partition.</summary>
/// <param name="Partition">Which.</param>
/// <param name="Leader">Node id of the leader.</param>
/// <param name="LeaderEpoch">Its epoch.</param>
/// <param name="Replicas">Node ids of all replicas.</param>
/// <param name="InSyncReplicas">Node ids of those in sync.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="HighWatermark">The offset up to which records are committed.</param>
/// <param name="LogEndOffset">The offset the next record will have.</param>
/// <param name="SizeBytes">Bytes of its segments on the leader's disk.</param>
/// <param name="EligibleReplicas">Node ids of those that left the in-sync replicas when these fell below <c>min.insync.replicas</c>:
/// they hold all that is committed, and one of them leads when nobody in sync runs. Null from a silo of a version before there were any.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.PartitionDescription")]
public sealed record PartitionDescription(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] int Leader,
    [property: Id(2)] int LeaderEpoch,
    [property: Id(3)] IReadOnlyList<int> Replicas,
    [property: Id(4)] IReadOnlyList<int> InSyncReplicas,
    [property: Id(5)] long LogStartOffset,
    [property: Id(6)] long HighWatermark,
    [property: Id(7)] long LogEndOffset,
    [property: Id(8)] long SizeBytes,
    [property: Id(9)] IReadOnlyList<int>? EligibleReplicas);
