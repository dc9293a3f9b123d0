namespace OrleansLog.Engine.Replication;

/// <summary>A leader opens its term, or opens it again, with a follower.</summary>
/// <param name="LeaderEpoch">The leader's epoch.</param>
/// <param name="LeaderNode">The leader's node id.</param>
public sealed record BeginTermRequest(int LeaderEpoch, int LeaderNode);
