using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>A group as it is described to people.</summary>
/// <param name="GroupId">Its id.</param>
/// <param name="State">Kafka's name of its state.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Assignor">The assignor in use.</param>
/// <param name="Members">Its members, ordered by id.</param>
public sealed record GroupSnapshot(
    string GroupId, GroupState State, int Epoch, string Assignor, IReadOnlyList<MemberSnapshot> Members)
{
    /// <summary>The group epoch that the target assignment was made for.</summary>
    public int AssignmentEpoch { get; init; }

    /// <summary>What it is as a group of the classic protocol, whose generation is then the epoch; null for others.</summary>
    public ClassicGroupSnapshot? Classic { get; init; }
}

/// <summary>A group of the classic protocol as it is described to people.</summary>
/// <param name="ProtocolType">What it is for; empty when nobody said.</param>
/// <param name="Protocol">The protocol in use; empty when none is.</param>
/// <param name="LeaderId">The member that shares out the partitions; null for none.</param>
/// <param name="Members">Its members, in the order they came.</param>
public sealed record ClassicGroupSnapshot(
    string ProtocolType, string Protocol, string? LeaderId, IReadOnlyList<ClassicMemberSnapshot> Members);

/// <summary>A member of a group of the classic protocol as it is described to people.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId">Its instance id; null for a dynamic member.</param>
/// <param name="ClientId">Its name for people.</param>
/// <param name="ClientHost">Where it calls from.</param>
/// <param name="Metadata">What it said for the protocol in use; empty unless the group is stable.</param>
/// <param name="Assignment">What it owns; empty unless the group is stable.</param>
public sealed record ClassicMemberSnapshot(
    string MemberId, string? InstanceId, string ClientId, string ClientHost, byte[] Metadata, byte[] Assignment);

/// <summary>A member as it is described to people.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="Metadata">What it says of itself.</param>
/// <param name="Epoch">The epoch it is in.</param>
/// <param name="State">Where it stands on the way to its target.</param>
/// <param name="Assignment">The partitions it owns, those it has to give up included.</param>
/// <param name="Target">The partitions it is to own.</param>
public sealed record MemberSnapshot(
    string MemberId,
    MemberMetadata Metadata,
    int Epoch,
    MemberState State,
    IReadOnlyList<TopicPartition> Assignment,
    IReadOnlyList<TopicPartition> Target);

/// <summary>The state of a group, by Kafka's names.</summary>
public enum GroupState
{
    /// <summary>There is no such group.</summary>
    Dead,

    /// <summary>It has no members.</summary>
    Empty,

    /// <summary>Of the classic protocol: members are asked to come back for the next generation.</summary>
    PreparingRebalance,

    /// <summary>Of the classic protocol: the members have come, and the leader shares out the partitions.</summary>
    CompletingRebalance,

    /// <summary>A new target assignment is due.</summary>
    Assigning,

    /// <summary>Not every member has reached its target assignment.</summary>
    Reconciling,

    /// <summary>Every member owns what it is to own.</summary>
    Stable,
}
