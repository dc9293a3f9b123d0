namespace OrleansLog.Engine.Replication;

/// <summary>A follower's answer to a push.</summary>
/// <param name="Result">What became of it.</param>
/// <param name="LeaderEpoch">The greatest epoch that the follower has seen.</param>
/// <param name="LogEndOffset">The offset after the follower's last record; -1 when it cannot say.</param>
/// <param name="DurableEndOffset">The offset up to which the follower's records count as held: durable, or written where the
/// topic's flush settings are relaxed; -1 when it cannot say.</param>
/// <param name="Reason">Why the result is not Ok; otherwise null.</param>
/// <param name="IsLeaving">Whether the follower's node is about to stop: while it still answers, the leader takes it out of the ISR,
/// so that nobody waits for it when it has stopped.</param>
public sealed record ReplicateResponse(
    ReplicaResult Result, int LeaderEpoch, long LogEndOffset, long DurableEndOffset, string? Reason = null, bool IsLeaving = false);
