using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>A member's heartbeat, as in KIP-848. A null field says that nothing changed since the member's last one.</summary>
/// <param name="MemberId">The member's own id.</param>
/// <param name="MemberEpoch">The epoch it is in; 0 to join, -1 to leave, -2 to leave for a while as a static member.</param>
public sealed record GroupHeartbeat(string MemberId, int MemberEpoch)
{
    /// <summary><c>group.instance.id</c> of a static member; null for a dynamic one.</summary>
    public string? InstanceId { get; init; }

    /// <summary>Its rack; null when unchanged or not known.</summary>
    public string? RackId { get; init; }

    /// <summary>How long it may take to give partitions up, from 1; -1 unchanged.</summary>
    public int RebalanceTimeoutMs { get; init; } = -1;

    /// <summary>The topics it subscribes to by name.</summary>
    public IReadOnlyList<string>? SubscribedTopics { get; init; }

    /// <summary>The regular expression it subscribes by; empty for none any more.</summary>
    public string? SubscribedPattern { get; init; }

    /// <summary>The assignor it prefers.</summary>
    public string? Assignor { get; init; }

    /// <summary>The partitions it owns now.</summary>
    public IReadOnlyList<TopicPartition>? OwnedPartitions { get; init; }

    /// <summary>A name for people.</summary>
    public string ClientId { get; init; } = "";

    /// <summary>Where it calls from.</summary>
    public string ClientHost { get; init; } = "";

    /// <summary>
    /// Rises with every heartbeat that the member sends, so that one which comes late or twice changes nothing; 0 for a caller
    /// whose transport keeps order.
    /// </summary>
    public long Sequence { get; init; }
}

/// <summary>The answer to a heartbeat.</summary>
/// <param name="MemberId">The member.</param>
/// <param name="MemberEpoch">The epoch it is in now.</param>
/// <param name="HeartbeatIntervalMs">How long to wait before the next heartbeat.</param>
/// <param name="Assignment">The partitions it is to own, ordered; null when nothing changed.</param>
public sealed record GroupHeartbeatResult(
    string MemberId, int MemberEpoch, int HeartbeatIntervalMs, IReadOnlyList<TopicPartition>? Assignment);

/// <summary>Offsets to commit.</summary>
/// <param name="MemberId">The member; empty for a commit from outside.</param>
/// <param name="MemberEpoch">Its epoch; -1 from outside.</param>
/// <param name="InstanceId"><c>group.instance.id</c> of a static member.</param>
/// <param name="Offsets">What to commit.</param>
public sealed record GroupOffsetCommit(
    string MemberId, int MemberEpoch, string? InstanceId, IReadOnlyList<KeyValuePair<TopicPartition, GroupOffset>> Offsets);

/// <summary>What a call answers and what has to be appended before it does.</summary>
/// <typeparam name="T">The answer.</typeparam>
/// <param name="Response">The answer; it holds only once the records are durable, and those of all earlier calls.</param>
/// <param name="Records">The changes, already taken over into the coordinator's state, in order.</param>
public sealed record GroupResult<T>(T Response, IReadOnlyList<Log.GroupRecord> Records);
