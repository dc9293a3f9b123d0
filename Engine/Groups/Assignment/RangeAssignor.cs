namespace OrleansLog.Engine.Groups.Assignment;

/// <summary>
/// Gives each member a run of neighbouring partitions of each topic, so that the same numbers of topics with equally many
/// partitions meet at the same member (for joins).
/// </summary>
internal sealed class RangeAssignor : IPartitionAssignor
{
    /// <inheritdoc/>
    public string Name => "range";

    /// <inheritdoc/>
    public IReadOnlyList<PartitionSet> Assign(IReadOnlyList<AssignmentMember> members)
    {
        var lists = Assignors.NewLists(members.Count);
        var subscribers = Assignors.SubscribersOf(members);
        foreach (var topic in members.SelectMany(member => member.Topics).DistinctBy(topic => topic.Id))
        {
            var owners = subscribers[topic.Id];
            var (share, rest) = Math.DivRem(topic.PartitionCount, owners.Count);
            var next = 0;
            for (var i = 0; i < owners.Count; i++)
            {
                var end = next + share + (i < rest ? 1 : 0);
                for (; next < end; next++) lists[owners[i]].Add(new TopicIdPartition(topic.Id, next));
            }
        }

        return Assignors.ToSets(lists);
    }
}
