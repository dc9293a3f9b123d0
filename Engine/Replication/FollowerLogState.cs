namespace OrleansLog.Engine.Replication;

/// <summary>What a follower's log holds when a leader opens its term with it.</summary>
/// <param name="Result">Ok; FencedEpoch with the epoch; or Unavailable with the reason. The rest counts only when it is Ok.</param>
/// <param name="LeaderEpoch">The greatest epoch that the follower has seen.</param>
/// <param name="Session">Names the conversation that begins; every request of it carries this. An older one's are refused.</param>
/// <param name="LogStartOffset">The first offset kept.</param>
/// <param name="LogEndOffset">The offset after the last record.</param>
/// <param name="DurableEndOffset">The offset up to which the records count as held.</param>
/// <param name="Epochs">The latest epochs of its log, the newest first, at most <see cref="MaxEpochs"/>.</param>
/// <param name="HasMoreEpochs">Whether there are older ones than those.</param>
/// <param name="DamagedFrom">The first offset that may be damaged or missing; the log's end in a replica that never took part, which
/// has lost all it had if it was in sync; -1 when nothing is known to be.</param>
/// <param name="Reason">Why the result is not Ok; otherwise null.</param>
public sealed record FollowerLogState(
    ReplicaResult Result,
    int LeaderEpoch,
    long Session,
    long LogStartOffset,
    long LogEndOffset,
    long DurableEndOffset,
    IReadOnlyList<EpochStart> Epochs,
    bool HasMoreEpochs,
    long DamagedFrom,
    string? Reason = null)
{
    /// <summary>The most epochs in one answer. A log that diverged before the oldest of them is truncated in several steps.</summary>
    public const int MaxEpochs = 64;

    /// <summary>An answer that refuses the term.</summary>
    public static FollowerLogState Refused(ReplicaResult result, int leaderEpoch, string reason) =>
        new(result, leaderEpoch, Session: 0, -1, -1, -1, [], HasMoreEpochs: false, DamagedFrom: -1, reason);
}
