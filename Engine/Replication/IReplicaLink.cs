namespace OrleansLog.Engine.Replication;

/// <summary>
/// How a leader reaches the replica of its partition on another node; one instance per partition and node. Calls may be lost,
/// take effect late, twice or out of order, or never end: the leader bounds each with a timeout, and the protocol (epoch,
/// session, base offset) makes a late one harmless. A call that fails in any way throws; nothing is concluded from it.
/// </summary>
public interface IReplicaLink
{
    /// <summary>
    /// "I lead in this epoch": the follower refuses an older epoch than the greatest it has seen, otherwise it remembers the
    /// epoch durably, drops the session it had, and answers with a new one and with what its log holds.
    /// </summary>
    Task<FollowerLogState> BeginTermAsync(BeginTermRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// Truncates the follower's log, or appends to it, and answers once what was appended counts as held there (durable, unless
    /// the topic's flush settings are relaxed).
    /// </summary>
    /// <param name="request">Its records belong to the leader until the task has ended, however it ends.</param>
    /// <param name="cancellationToken">The leader does not wait any longer.</param>
    Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request, CancellationToken cancellationToken);
}
