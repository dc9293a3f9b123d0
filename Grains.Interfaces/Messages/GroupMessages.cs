using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>A member's heartbeat, as in KIP-848. A null field says that nothing changed since the member's last one.</summary>
/// <param name="MemberId">The member's own id, a UUID it made for itself.</param>
/// <param name="MemberEpoch">The epoch it is in; 0 to join, -1 to leave, -2 to leave for a while as a static member.</param>
/// <param name="InstanceId"><c>group.instance.id</c> of a static member; null for a dynamic one.</param>
/// <param name="RebalanceTimeoutMs">How long it may take to give partitions up; -1 unchanged.</param>
/// <param name="SubscribedTopics">The topics it subscribes to by name.</param>
/// <param name="SubscribedPattern">The regular expression it subscribes to topics by.</param>
/// <param name="Assignor">The assignor it prefers: <c>range</c>, <c>roundrobin</c> or <c>sticky</c>.</param>
/// <param name="OwnedPartitions">The partitions it owns now.</param>
/// <param name="ClientId">A name for people.</param>
/// <param name="Sequence">Rises with every heartbeat that the member sends, so that one which arrives late or twice changes
/// nothing; 0 where the transport keeps order.</param>
/// <param name="RackId">Its rack; null when unchanged or not known.</param>
/// <param name="ClientHost">Where it calls from; empty when not known.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.GroupHeartbeatRequest")]
public sealed record GroupHeartbeatRequest(
    [property: Id(0)] string MemberId,
    [property: Id(1)] int MemberEpoch,
    [property: Id(2)] string? InstanceId,
    [property: Id(3)] int RebalanceTimeoutMs,
    [property: Id(4)] IReadOnlyList<string>? SubscribedTopics,
    [property: Id(5)] string? SubscribedPattern,
    [property: Id(6)] string? Assignor,
    [property: Id(7)] IReadOnlyList<TopicPartition>? OwnedPartitions,
    [property: Id(8)] string ClientId,
    [property: Id(9)] long Sequence = 0,
    [property: Id(10)] string? RackId = null,
    [property: Id(11)] string ClientHost = "");

/// <summary>The coordinator's answer to a heartbeat.</summary>
/// <param name="MemberId">The member.</param>
/// <param name="MemberEpoch">The epoch it is in now.</param>
/// <param name="HeartbeatIntervalMs">How long to wait before the next heartbeat.</param>
/// <param name="Assignment">The partitions it is to own; null when nothing changed. It gives up what is not listed, says so
/// in its next heartbeat, and may use what is newly listed at once.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.GroupHeartbeatResponse")]
public sealed record GroupHeartbeatResponse(
    [property: Id(0)] string MemberId,
    [property: Id(1)] int MemberEpoch,
    [property: Id(2)] int HeartbeatIntervalMs,
    [property: Id(3)] IReadOnlyList<TopicPartition>? Assignment);

/// <summary>Offsets to commit.</summary>
/// <param name="MemberId">The member; empty for a commit from outside of the group, which only an empty group takes.</param>
/// <param name="MemberEpoch">Its epoch, or generation in a classic group; -1 from outside.</param>
/// <param name="InstanceId"><c>group.instance.id</c> of a static member.</param>
/// <param name="Offsets">What to commit.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.OffsetCommitRequest")]
public sealed record OffsetCommitRequest(
    [property: Id(0)] string MemberId,
    [property: Id(1)] int MemberEpoch,
    [property: Id(2)] string? InstanceId,
    [property: Id(3)] IReadOnlyList<CommittedOffset> Offsets);

/// <summary>A committed offset.</summary>
/// <param name="Partition">Of which partition.</param>
/// <param name="Offset">The offset of the next record to read, from 0.</param>
/// <param name="LeaderEpoch">The leader epoch of the last record read; -1 when not known.</param>
/// <param name="Metadata">The consumer's own words, up to 4,096 bytes of UTF-8.</param>
/// <param name="CommitTimestampMs">When it was committed; set by the coordinator.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.CommittedOffset")]
public sealed record CommittedOffset(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] long Offset,
    [property: Id(2)] int LeaderEpoch = -1,
    [property: Id(3)] string Metadata = "",
    [property: Id(4)] long CommitTimestampMs = -1);

/// <summary>What became of one partition of a commit.</summary>
/// <param name="Partition">Which.</param>
/// <param name="Error">None, or why it was not committed.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.OffsetCommitResult")]
public sealed record OffsetCommitResult(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] ErrorCode Error);

/// <summary>A consumer group.</summary>
/// <param name="GroupId">Its id.</param>
/// <param name="State">Kafka's name of its state: Empty, Assigning, Reconciling, Stable, Dead; PreparingRebalance and
/// CompletingRebalance of a classic group.</param>
/// <param name="GroupEpoch">Its epoch (generation).</param>
/// <param name="Assignor">The assignor in use.</param>
/// <param name="Members">Its members, ordered by id; of a classic group only if it is one of consumers, all others are in
/// <paramref name="Classic"/>.</param>
/// <param name="AssignmentEpoch">The epoch that the target assignment was made for.</param>
/// <param name="Classic">What it is as a classic group; null for others.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.GroupDescription")]
public sealed record GroupDescription(
    [property: Id(0)] string GroupId,
    [property: Id(1)] string State,
    [property: Id(2)] int GroupEpoch,
    [property: Id(3)] string Assignor,
    [property: Id(4)] IReadOnlyList<GroupMemberDescription> Members,
    [property: Id(5)] int AssignmentEpoch = 0,
    [property: Id(6)] ClassicGroupDescription? Classic = null);

/// <summary>A member of a group.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId">Its <c>group.instance.id</c>; null for a dynamic member.</param>
/// <param name="ClientId">Its name for people.</param>
/// <param name="MemberEpoch">The epoch it is in.</param>
/// <param name="SubscribedTopics">The topics it subscribes to by name.</param>
/// <param name="SubscribedPattern">The regular expression it subscribes to topics by; null for none.</param>
/// <param name="Assignment">The partitions it owns.</param>
/// <param name="TargetAssignment">The partitions it is to own.</param>
/// <param name="RackId">Its rack; null when not known.</param>
/// <param name="ClientHost">Where it calls from; empty when not known.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.GroupMemberDescription")]
public sealed record GroupMemberDescription(
    [property: Id(0)] string MemberId,
    [property: Id(1)] string? InstanceId,
    [property: Id(2)] string ClientId,
    [property: Id(3)] int MemberEpoch,
    [property: Id(4)] IReadOnlyList<string> SubscribedTopics,
    [property: Id(5)] string? SubscribedPattern,
    [property: Id(6)] IReadOnlyList<TopicPartition> Assignment,
    [property: Id(7)] IReadOnlyList<TopicPartition> TargetAssignment,
    [property: Id(8)] string? RackId = null,
    [property: Id(9)] string ClientHost = "");
