using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>A group as it is described to people.</summary>
/// <param name="GroupId">Its id.</param>
/// <param name="State">Kafka's name of its state.</param>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Assignor">The assignor in use.</param>
/// <param name="Members">Its members, ordered by id.</param>
public sealed record GroupSnapshot(
    string GroupId, GroupState State, int Epoch, string Assignor, IReadOnlyList<MemberSnapshot> Members);

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

    /// <summary>A new target assignment is due.</summary>
    Assigning,

    /// <summary>Not every member has reached its target assignment.</summary>
    Reconciling,

    /// <summary>Every member owns what it is to own.</summary>
    Stable,
}
