using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Assignment;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class AssignorTests
{
    private static GroupTopic Topic(string name, int partitions) => new(Guid.NewGuid(), name, partitions);

    private static AssignmentMember Member(string id, params GroupTopic[] topics) =>
        new(id, null, [.. topics.OrderBy(topic => topic.Name, StringComparer.Ordinal)], PartitionSet.Empty);

    private static int[] Numbers(PartitionSet set, GroupTopic topic) =>
        [.. set.Where(partition => partition.TopicId == topic.Id).Select(partition => partition.Partition)];

    private static IPartitionAssignor Find(string name)
    {
        Assert.True(Assignors.TryFind(name, out var assignor));
        return assignor;
    }

    [Fact]
    public void Range_gives_runs_of_the_same_numbers_of_every_topic()
    {
        var (left, right) = (Topic("left", 7), Topic("right", 7));

        var sets = Find("range").Assign([Member("a", left, right), Member("b", left, right), Member("c", left, right)]);

        Assert.Equal([0, 1, 2], Numbers(sets[0], left));
        Assert.Equal([3, 4], Numbers(sets[1], right));
        Assert.Equal([5, 6], Numbers(sets[2], left));
    }

    [Fact]
    public void Range_orders_static_members_by_instance()
    {
        var topic = Topic("t", 2);
        var sets = Find("range").Assign([Member("a", topic) with { InstanceId = "z" }, Member("b", topic) with { InstanceId = "y" }]);
        Assert.Equal([1], Numbers(sets[0], topic));
        Assert.Equal([0], Numbers(sets[1], topic));
    }

    [Fact]
    public void Round_robin_deals_in_turns()
    {
        var (one, two) = (Topic("one", 3), Topic("two", 3));

        var sets = Find("roundrobin").Assign([Member("a", one, two), Member("b", one, two)]);

        Assert.Equal([0, 2], Numbers(sets[0], one));
        Assert.Equal([1], Numbers(sets[0], two));
        Assert.Equal([0, 2], Numbers(sets[1], two));
    }

    [Fact]
    public void Sticky_moves_only_what_a_new_member_needs()
    {
        var topic = Topic("t", 10);
        var two = Reassign([Member("a", topic), Member("b", topic)]);
        var three = Reassign([.. two, Member("c", topic)]);

        Assert.Equal([4, 3, 3], three.Select(member => member.Target.Count).OrderDescending());
        Assert.Equal(3, three[2].Target.Count);
        Assert.All([0, 1], i => Assert.True(three[i].Target.IsSubsetOf(two[i].Target)));
    }

    [Fact]
    public void Sticky_leaves_the_others_alone_when_a_member_goes()
    {
        var topic = Topic("t", 10);
        var three = Reassign([Member("a", topic), Member("b", topic), Member("c", topic)]);
        var two = Reassign([.. three.Take(2)]);

        Assert.All([0, 1], i => Assert.True(three[i].Target.IsSubsetOf(two[i].Target)));
        Assert.Equal([5, 5], two.Select(member => member.Target.Count));
    }

    [Theory]
    [InlineData("sticky")]
    [InlineData("range")]
    [InlineData("roundrobin")]
    public void Every_partition_goes_to_one_subscriber_whatever_happens(string name)
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var topics = Enumerable.Range(0, random.Next(1, 6)).Select(i => Topic($"t{i}", random.Next(1, 12))).ToArray();
            List<AssignmentMember> members = [];
            for (var round = 0; round < 8; round++)
            {
                members = Change(members, topics, random, seed % 2 == 0);
                var sets = Find(name).Assign(members);
                Assert.Equal(sets, Find(name).Assign(members));
                CheckCover(members, sets);
                if (name == "sticky") CheckBalance(members, sets);
                if (name == "sticky" && seed % 2 == 0) CheckFewestMoves(members, sets);
                members = [.. members.Select((member, i) => member with { Target = sets[i] })];
            }
        }
    }

    [Fact]
    public void A_large_group_is_assigned_in_little_time()
    {
        var topics = Enumerable.Range(0, 50).Select(i => Topic($"t{i}", 200)).ToArray();
        var members = Reassign([.. Enumerable.Range(0, 500).Select(i => Member($"m{i:D3}", topics))]);
        members = Reassign([.. members.Skip(1)]);
        Assert.Equal(10_000, members.Sum(member => member.Target.Count));
        Assert.InRange(members.Max(member => member.Target.Count) - members.Min(member => member.Target.Count), 0, 1);
    }

    private static List<AssignmentMember> Reassign(IReadOnlyList<AssignmentMember> members)
    {
        var sets = Find("sticky").Assign(members);
        return [.. members.Select((member, i) => member with { Target = sets[i] })];
    }

    private static List<AssignmentMember> Change(List<AssignmentMember> members, GroupTopic[] topics, Random random, bool equal)
    {
        var next = members.Where(_ => random.Next(4) > 0).ToList();
        for (var i = random.Next(next.Count == 0 ? 1 : 0, 4); i > 0; i--)
        {
            var wanted = equal ? topics : topics.Where(_ => random.Next(2) == 0).DefaultIfEmpty(topics[0]).ToArray();
            next.Add(Member($"m{random.Next(1_000_000):D6}", wanted));
        }

        return [.. next.DistinctBy(member => member.MemberId).OrderBy(member => member.MemberId, StringComparer.Ordinal)];
    }

    private static void CheckCover(List<AssignmentMember> members, IReadOnlyList<PartitionSet> sets)
    {
        var all = Assignors.PartitionsOf(members).Select(entry => entry.Partition);
        Assert.Equal(PartitionSet.Of(all), PartitionSet.Of(sets.SelectMany(set => set)));
        Assert.Equal(sets.Sum(set => set.Count), sets.SelectMany(set => set).Distinct().Count());
        for (var i = 0; i < members.Count; i++)
            Assert.All(sets[i], partition => Assert.Contains(members[i].Topics, topic => topic.Id == partition.TopicId));
    }

    private static void CheckBalance(List<AssignmentMember> members, IReadOnlyList<PartitionSet> sets)
    {
        for (var from = 0; from < members.Count; from++)
        {
            foreach (var partition in sets[from])
            {
                for (var to = 0; to < members.Count; to++)
                {
                    if (members[to].Topics.Any(topic => topic.Id == partition.TopicId))
                        Assert.True(sets[to].Count + 1 >= sets[from].Count, "A move would have balanced the loads better.");
                }
            }
        }
    }

    private static void CheckFewestMoves(List<AssignmentMember> members, IReadOnlyList<PartitionSet> sets)
    {
        // With equal subscriptions the most that can stay is known: everybody keeps up to a fair share.
        var kept = members.Select((member, i) => member.Target.Intersect(sets[i]).Count).Sum();
        var (share, rest) = Math.DivRem(sets.Sum(set => set.Count), members.Count);
        var owned = members.Select(member => member.Target.Count).OrderDescending().ToList();
        var possible = owned.Select((count, rank) => Math.Min(count, share + (rank < rest ? 1 : 0))).Sum();
        Assert.Equal(possible, kept);
    }
}
