namespace OrleansLog.Grains.Interfaces;

/// <summary>A way to share out partitions that a member of a classic group offers.</summary>
/// <param name="Name">Its name, such as <c>range</c>.</param>
/// <param name="Metadata">What the leader has to know of the member; opaque.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicProtocol")]
public sealed record ClassicGroupProtocol(
    [property: Id(0)] string Name,
    [property: Id(1)] byte[] Metadata);

/// <summary>A member asks to be in the next generation of a classic group.</summary>
/// <param name="MemberId">Its id; empty when it has none yet.</param>
/// <param name="InstanceId"><c>group.instance.id</c> of a static member; null for a dynamic one.</param>
/// <param name="ProtocolType">What the group is for: <c>consumer</c>, <c>connect</c>, ...</param>
/// <param name="Protocols">What it offers, the best first.</param>
/// <param name="SessionTimeoutMs">It is removed when not heard of for so long.</param>
/// <param name="RebalanceTimeoutMs">How long it may take to come back when the group rebalances.</param>
/// <param name="ClientId">A name for people.</param>
/// <param name="ClientHost">Where it calls from.</param>
/// <param name="RequiresKnownMemberId">Whether a new member is first told its id and comes back with it.</param>
/// <param name="CanSkipAssignment">Whether it knows that a leader may be told to leave the assignment as it is.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicJoinRequest")]
public sealed record ClassicJoinRequest(
    [property: Id(0)] string MemberId,
    [property: Id(1)] string? InstanceId,
    [property: Id(2)] string ProtocolType,
    [property: Id(3)] IReadOnlyList<ClassicGroupProtocol> Protocols,
    [property: Id(4)] int SessionTimeoutMs,
    [property: Id(5)] int RebalanceTimeoutMs,
    [property: Id(6)] string ClientId,
    [property: Id(7)] string ClientHost,
    [property: Id(8)] bool RequiresKnownMemberId = false,
    [property: Id(9)] bool CanSkipAssignment = false);

/// <summary>The answer to a join.</summary>
/// <param name="Error">None, or why it did not join; with MemberIdRequired it is to come back with
/// <paramref name="MemberId"/>.</param>
/// <param name="MemberId">Its id.</param>
/// <param name="Generation">The generation; -1 when it did not join.</param>
/// <param name="ProtocolType">What the group is for.</param>
/// <param name="Protocol">The protocol in use.</param>
/// <param name="LeaderId">Who shares out the partitions.</param>
/// <param name="Members">All members; empty but for the leader.</param>
/// <param name="SkipAssignment">Whether the leader has to leave the assignment as it is.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicJoinResponse")]
public sealed record ClassicJoinResponse(
    [property: Id(0)] ErrorCode Error,
    [property: Id(1)] string MemberId,
    [property: Id(2)] int Generation,
    [property: Id(3)] string? ProtocolType,
    [property: Id(4)] string? Protocol,
    [property: Id(5)] string LeaderId,
    [property: Id(6)] IReadOnlyList<ClassicJoinedMember> Members,
    [property: Id(7)] bool SkipAssignment);

/// <summary>A member as its leader is told of it.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="Metadata">What it said for the protocol in use.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicJoinedMember")]
public sealed record ClassicJoinedMember(
    [property: Id(0)] string MemberId,
    [property: Id(1)] string? InstanceId,
    [property: Id(2)] byte[] Metadata);

/// <summary>A member asks for its assignment.</summary>
/// <param name="MemberId">The member.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="Generation">The generation it joined.</param>
/// <param name="Assignments">The leader's: what each member is to own. Empty from others.</param>
/// <param name="ProtocolType">What it takes the group to be for; null when it does not say.</param>
/// <param name="Protocol">The protocol it takes to be in use; null when it does not say.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicSyncRequest")]
public sealed record ClassicSyncRequest(
    [property: Id(0)] string MemberId,
    [property: Id(1)] string? InstanceId,
    [property: Id(2)] int Generation,
    [property: Id(3)] IReadOnlyList<ClassicMemberAssignment> Assignments,
    [property: Id(4)] string? ProtocolType = null,
    [property: Id(5)] string? Protocol = null);

/// <summary>What a member is to own.</summary>
/// <param name="MemberId">The member.</param>
/// <param name="Assignment">Its assignment; opaque.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicMemberAssignment")]
public sealed record ClassicMemberAssignment(
    [property: Id(0)] string MemberId,
    [property: Id(1)] byte[] Assignment);

/// <summary>The answer to a sync.</summary>
/// <param name="Error">None, or why there is no assignment.</param>
/// <param name="ProtocolType">What the group is for.</param>
/// <param name="Protocol">The protocol in use.</param>
/// <param name="Assignment">What the member owns.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicSyncResponse")]
public sealed record ClassicSyncResponse(
    [property: Id(0)] ErrorCode Error,
    [property: Id(1)] string? ProtocolType,
    [property: Id(2)] string? Protocol,
    [property: Id(3)] byte[] Assignment);

/// <summary>A member that leaves.</summary>
/// <param name="MemberId">Its id; empty to name a static member by its instance alone.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicLeavingMember")]
public sealed record ClassicLeavingMember(
    [property: Id(0)] string MemberId,
    [property: Id(1)] string? InstanceId);

/// <summary>A group as one of the classic protocol.</summary>
/// <param name="ProtocolType">What it is for; empty when nobody said.</param>
/// <param name="Protocol">The protocol in use; empty unless the group is stable.</param>
/// <param name="LeaderId">The member that shares out the partitions; null for none.</param>
/// <param name="Members">Its members, in the order they came.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicGroupDescription")]
public sealed record ClassicGroupDescription(
    [property: Id(0)] string ProtocolType,
    [property: Id(1)] string Protocol,
    [property: Id(2)] string? LeaderId,
    [property: Id(3)] IReadOnlyList<ClassicMemberDescription> Members);

/// <summary>A member of a classic group.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="ClientId">Its name for people.</param>
/// <param name="ClientHost">Where it calls from.</param>
/// <param name="Metadata">What it said for the protocol in use; empty unless the group is stable.</param>
/// <param name="Assignment">What it owns; empty unless the group is stable.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClassicMemberDescription")]
public sealed record ClassicMemberDescription(
    [property: Id(0)] string MemberId,
    [property: Id(1)] string? InstanceId,
    [property: Id(2)] string ClientId,
    [property: Id(3)] string ClientHost,
    [property: Id(4)] byte[] Metadata,
    [property: Id(5)] byte[] Assignment);
