namespace OrleansLog.Engine.Groups.Assignment;

/// <summary>
/// Says which member is to own which partition. It must give every partition of a subscribed topic to exactly one member that
/// subscribes to the topic, and give the same answer to the same question.
/// </summary>
internal interface IPartitionAssignor
{
    /// <summary>The name that members ask for it by.</summary>
    string Name { get; }

    /// <summary>Assigns all partitions.</summary>
    /// <param name="members">The members, ordered by id; at least one.</param>
    /// <returns>The partitions of each member, in the order of <paramref name="members"/>.</returns>
    IReadOnlyList<PartitionSet> Assign(IReadOnlyList<AssignmentMember> members);
}

/// <summary>A member as an assignor sees it.</summary>
/// <param name="MemberId">Its id.</param>
/// <param name="InstanceId"><c>group.instance.id</c>; null for a dynamic member.</param>
/// <param name="Topics">The topics it subscribes to that exist, ordered by name.</param>
/// <param name="Target">What the last assignment gave it.</param>
internal sealed record AssignmentMember(
    string MemberId, string? InstanceId, IReadOnlyList<GroupTopic> Topics, PartitionSet Target)
{
    /// <summary>What members are ordered by where order matters: the name that survives a restart, if there is one.</summary>
    public string StableName => InstanceId ?? MemberId;
}
