using OrleansLog.Grains.Catalog;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class ReplicaAssignerTests
{
    [Theory]
    [InlineData(3, 3, 1)]
    [InlineData(4, 3, 7)]
    [InlineData(5, 2, -3)]
    [InlineData(1, 1, 0)]
    public void Every_node_leads_and_follows_about_as_much_as_any_other(int nodes, short replicas, int spread)
    {
        var partitions = nodes * (nodes - 1) * 2 + nodes;
        var assignment = ReplicaAssigner.Assign([.. Places(nodes)], replicas, 0, partitions, spread);
        Assert.All(assignment, it => Assert.Equal(replicas, it.Distinct().Count()));
        var leads = Enumerable.Range(1, nodes).Select(node => assignment.Count(it => it[0] == node)).ToArray();
        Assert.InRange(leads.Max() - leads.Min(), 0, 1);
        // Of as many partitions as there are nodes, each has the same number of replicas.
        foreach (var some in assignment.Chunk(nodes))
            Assert.All(Enumerable.Range(1, nodes), node => Assert.Equal(replicas, some.Count(it => it.Contains(node))));
    }

    [Fact]
    public void What_a_node_leads_is_taken_over_by_all_others()
    {
        var assignment = ReplicaAssigner.Assign([.. Places(5)], 3, 0, 40, spread: 2);
        var heirs = assignment.Where(it => it[0] == 1).GroupBy(it => it[1]).Select(group => group.Count()).ToArray();
        Assert.Equal(4, heirs.Length);
        Assert.InRange(heirs.Max() - heirs.Min(), 0, 1);
    }

    [Fact]
    public void Replicas_are_on_as_many_racks_as_there_are()
    {
        ReplicaAssigner.Place[] places = [new(1, "a"), new(2, "a"), new(3, "a"), new(4, "b"), new(5, "b"), new(6, "c")];
        var racks = places.ToDictionary(place => place.Id, place => place.Rack);
        foreach (var replicas in ReplicaAssigner.Assign(places, 3, 0, 60, spread: 11))
            Assert.Equal(3, replicas.Select(node => racks[node]).Distinct().Count());
        foreach (var replicas in ReplicaAssigner.Assign(places[..5], 3, 0, 60, spread: 11))
            Assert.Equal(2, replicas.Select(node => racks[node]).Distinct().Count());
    }

    [Fact]
    public void Partitions_added_later_go_on_where_the_others_ended()
    {
        var all = ReplicaAssigner.Assign([.. Places(4)], 2, 0, 20, spread: 5);
        var added = ReplicaAssigner.Assign([.. Places(4)], 2, 12, 20, spread: 5);
        Assert.Equal(all[12..], added);
    }

    private static IEnumerable<ReplicaAssigner.Place> Places(int count) =>
        Enumerable.Range(1, count).Select(id => new ReplicaAssigner.Place(id, null));
}
