namespace OrleansLog.Engine.Groups.Assignment;

/// <summary>Deals the partitions of all topics out like cards, passing over members that do not subscribe to the topic.</summary>
internal sealed class RoundRobinAssignor : IPartitionAssignor
{
    /// <inheritdoc/>
    public string Name => "roundrobin";

    /// <inheritdoc/>
    public IReadOnlyList<PartitionSet> Assign(IReadOnlyList<AssignmentMember> members)
    {
        var lists = Assignors.NewLists(members.Count);
        var order = Assignors.StableOrder(members);
        var subscriptions = members.Select(member => member.Topics.Select(topic => topic.Id).ToHashSet()).ToArray();
        var next = 0;
        foreach (var (topic, partition) in Assignors.PartitionsOf(members))
        {
            // Somebody subscribes to the topic, so this ends within one round.
            while (!subscriptions[order[next]].Contains(topic.Id)) next = (next + 1) % order.Length;
            lists[order[next]].Add(partition);
            next = (next + 1) % order.Length;
        }

        return Assignors.ToSets(lists);
    }
}
