namespace OrleansLog.Grains.Interfaces;

/// <summary>A leader opens its term with a replica.</summary>
/// <param name="LeaderEpoch">The leader's epoch.</param>
/// <param name="LeaderNode">The leader's node id.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReplicaTerm")]
public readonly record struct ReplicaTerm(
    [property: Id(0)] int LeaderEpoch,
    [property: Id(1)] int LeaderNode);

/// <summary>A leader epoch and the first offset that was appended under it.</summary>
/// <param name="Epoch">The epoch.</param>
/// <param name="StartOffset">The first offset of the epoch.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReplicaEpoch")]
public readonly record struct ReplicaEpoch(
    [property: Id(0)] int Epoch,
    [property: Id(1)] long StartOffset);

/// <summary>What a replica's log holds; the fields are those of the engine's <c>FollowerLogState</c>.</summary>
/// <param name="Result">How the replica answers: a <c>ReplicaResult</c>.</param>
/// <param name="LeaderEpoch">The greatest epoch that the replica has seen.</param>
/// <param name="Session">Names the conversation that begins.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="LogEndOffset">The offset after the last record.</param>
/// <param name="DurableEndOffset">The offset up to which the records count as held.</param>
/// <param name="Epochs">The latest epochs of its log, the newest first.</param>
/// <param name="HasMoreEpochs">Whether there are older ones than those.</param>
/// <param name="DamagedFrom">The first offset that may be damaged; -1 when nothing is known to be.</param>
/// <param name="Reason">Why the result is not Ok; otherwise null.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReplicaLogState")]
public sealed record ReplicaLogState(
    [property: Id(0)] int Result,
    [property: Id(1)] int LeaderEpoch,
    [property: Id(2)] long Session,
    [property: Id(3)] long LogStartOffset,
    [property: Id(4)] long LogEndOffset,
    [property: Id(5)] long DurableEndOffset,
    [property: Id(6)] ReplicaEpoch[] Epochs,
    [property: Id(7)] bool HasMoreEpochs,
    [property: Id(8)] long DamagedFrom,
    [property: Id(9)] string? Reason);

/// <summary>A leader's push; the fields are those of the engine's <c>ReplicateRequest</c>.</summary>
/// <param name="LeaderEpoch">The leader's epoch.</param>
/// <param name="Session">The session, as <see cref="ReplicaLogState.Session"/> named it.</param>
/// <param name="Alignment">What to do before the records: a <c>ReplicaAlignment</c>.</param>
/// <param name="BaseOffset">Where the replica's log must end, or is made to end.</param>
/// <param name="Records">Whole batches, maybe none.</param>
/// <param name="Seal">A check over the parts of the records that no CRC covers.</param>
/// <param name="HighWatermark">The leader's high watermark.</param>
/// <param name="LogStartOffset">The leader's log start offset.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReplicaPush")]
public sealed record ReplicaPush(
    [property: Id(0)] int LeaderEpoch,
    [property: Id(1)] long Session,
    [property: Id(2)] int Alignment,
    [property: Id(3)] long BaseOffset,
    [property: Id(4)] RecordBytes Records,
    [property: Id(5)] long Seal,
    [property: Id(6)] long HighWatermark,
    [property: Id(7)] long LogStartOffset);

/// <summary>A replica's answer to a push; the fields are those of the engine's <c>ReplicateResponse</c>.</summary>
/// <param name="Result">What became of it: a <c>ReplicaResult</c>.</param>
/// <param name="LeaderEpoch">The greatest epoch that the replica has seen.</param>
/// <param name="LogEndOffset">The offset after its last record; -1 when it cannot say.</param>
/// <param name="DurableEndOffset">The offset up to which its records count as held; -1 when it cannot say.</param>
/// <param name="Reason">Why the result is not Ok; otherwise null.</param>
/// <param name="IsLeaving">Whether the replica's node is about to stop.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReplicaPushResponse")]
public sealed record ReplicaPushResponse(
    [property: Id(0)] int Result,
    [property: Id(1)] int LeaderEpoch,
    [property: Id(2)] long LogEndOffset,
    [property: Id(3)] long DurableEndOffset,
    [property: Id(4)] string? Reason,
    [property: Id(5)] bool IsLeaving);
