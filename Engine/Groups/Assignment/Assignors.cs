using System.Diagnostics.CodeAnalysis;

namespace OrleansLog.Engine.Groups.Assignment;

/// <summary>The assignors there are.</summary>
internal static class Assignors
{
    private static readonly IPartitionAssignor[] All = [new StickyAssignor(), new RangeAssignor(), new RoundRobinAssignor()];

    /// <summary>The names of all, for messages.</summary>
    public static string Names { get; } = string.Join(", ", All.Select(assignor => assignor.Name));

    /// <summary>Finds an assignor; <c>uniform</c> is Kafka's name for what <c>sticky</c> does.</summary>
    public static bool TryFind(string name, [NotNullWhen(true)] out IPartitionAssignor? assignor)
    {
        if (name == "uniform") name = StickyAssignor.AssignorName;
        assignor = Array.Find(All, candidate => candidate.Name == name);
        return assignor is not null;
    }

    /// <summary>All partitions of the members' topics, ordered by topic name and number.</summary>
    public static List<(GroupTopic Topic, TopicIdPartition Partition)> PartitionsOf(IReadOnlyList<AssignmentMember> members)
    {
        var topics = members.SelectMany(member => member.Topics).DistinctBy(topic => topic.Id)
            .OrderBy(topic => topic.Name, StringComparer.Ordinal).ToList();
        var partitions = new List<(GroupTopic, TopicIdPartition)>(topics.Sum(topic => topic.PartitionCount));
        foreach (var topic in topics)
            for (var number = 0; number < topic.PartitionCount; number++)
                partitions.Add((topic, new TopicIdPartition(topic.Id, number)));
        return partitions;
    }

    /// <summary>The places in <paramref name="members"/> of those that subscribe to each topic, in stable order.</summary>
    public static Dictionary<Guid, List<int>> SubscribersOf(IReadOnlyList<AssignmentMember> members)
    {
        var subscribers = new Dictionary<Guid, List<int>>();
        foreach (var index in StableOrder(members))
        {
            foreach (var topic in members[index].Topics)
            {
                if (!subscribers.TryGetValue(topic.Id, out var list)) subscribers.Add(topic.Id, list = []);
                list.Add(index);
            }
        }

        return subscribers;
    }

    /// <summary>The places in <paramref name="members"/>, ordered by the names that survive a restart.</summary>
    public static int[] StableOrder(IReadOnlyList<AssignmentMember> members) =>
        [.. Enumerable.Range(0, members.Count).OrderBy(index => members[index].StableName, StringComparer.Ordinal)];

    /// <summary>Makes the sets of the members from lists.</summary>
    public static PartitionSet[] ToSets(List<TopicIdPartition>[] lists) => Array.ConvertAll(lists, PartitionSet.Of);

    /// <summary>Makes one empty list for each member.</summary>
    public static List<TopicIdPartition>[] NewLists(int count)
    {
        var lists = new List<TopicIdPartition>[count];
        for (var i = 0; i < count; i++) lists[i] = [];
        return lists;
    }
}
