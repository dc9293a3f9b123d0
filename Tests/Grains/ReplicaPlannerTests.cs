using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Topology;
using OrleansLog.Records;
using Xunit;
using Place = OrleansLog.Grains.Catalog.ReplicaAssigner.Place;

namespace OrleansLog.Tests.Grains;

/// <summary>Where replicas are proposed to be, for many clusters that are drawn.</summary>
public sealed class ReplicaPlannerTests
{
    private const int Clusters = 300;

    [Fact]
    public void Balanced_nodes_hold_and_lead_as_many_as_each_other()
    {
        for (var seed = 0; seed < Clusters; seed++)
        {
            var (places, before) = Draw(new Random(seed), racks: false);
            var after = Apply(before, Balanced(places, before));
            var held = Count(places, after, replicas => replicas);
            Assert.True(held.Max() - held.Min() <= 1, $"seed {seed}: {string.Join(',', held)}");
            var led = Count(places, after, replicas => replicas.Take(1));
            // With one replica each, who holds leads.
            Assert.True(led.Max() - led.Min() <= 1 || after.Values.All(replicas => replicas.Count == 1) || IsBestSpread(after, led, places), $"seed {seed}: {string.Join(',', led)}");
        }
    }

    [Fact]
    public void No_plan_changes_how_many_replicas_there_are_nor_names_a_node_twice()
    {
        for (var seed = 0; seed < Clusters; seed++)
        {
            var random = new Random(seed);
            var (places, before) = Draw(random, racks: seed % 2 == 0);
            var gone = places[random.Next(places.Length)].Id;
            foreach (var after in new[] { Apply(before, Balanced(places, before)), TryDrain(places, before, gone) })
            {
                foreach (var (partition, replicas) in after ?? [])
                {
                    Assert.Equal(before[partition].Count, replicas.Count);
                    Assert.Equal(replicas.Count, replicas.Distinct().Count());
                    Assert.All(replicas, node => Assert.Contains(places, place => place.Id == node));
                }
            }
        }
    }

    [Fact]
    public void A_balance_moves_no_more_than_the_surplus_and_then_nothing()
    {
        for (var seed = 0; seed < Clusters; seed++)
        {
            var (places, before) = Draw(new Random(seed), racks: false);
            var moves = Balanced(places, before);
            var held = Count(places, before, replicas => replicas);
            var surplus = held.Sum(count => Math.Max(0, count - (held.Sum() / held.Length)));
            Assert.True(moves.Sum(move => move.To.Except(move.From).Count()) <= surplus, $"seed {seed}");
            Assert.Empty(Balanced(places, Apply(before, moves)));
        }
    }

    [Fact]
    public void Replicas_are_on_as_many_racks_as_there_are()
    {
        for (var seed = 0; seed < Clusters; seed++)
        {
            var (places, before) = Draw(new Random(seed), racks: true);
            var racks = places.ToDictionary(place => place.Id, place => place.Rack);
            var count = racks.Values.Distinct().Count();
            foreach (var replicas in Apply(before, Balanced(places, before)).Values)
                Assert.Equal(Math.Min(count, replicas.Count), replicas.Select(node => racks[node]).Distinct().Count());
        }
    }

    [Fact]
    public void A_new_node_takes_its_share_and_only_that_is_moved()
    {
        var before = Enumerable.Range(0, 12).ToDictionary(
            i => new TopicPartition("t", i), i => (IReadOnlyList<int>)[(i % 3) + 1, ((i + 1) % 3) + 1, ((i + 2) % 3) + 1]);
        Place[] places = [new(1, null), new(2, null), new(3, null), new(4, null)];
        var moves = Balanced(places, before);
        Assert.Equal(9, moves.Sum(move => move.To.Except(move.From).Count()));
        Assert.All(moves, move => Assert.DoesNotContain(move.To.Except(move.From), node => node != 4));
        Assert.Equal([9, 9, 9, 9], Count(places, Apply(before, moves), replicas => replicas));
        Assert.Equal([3, 3, 3, 3], Count(places, Apply(before, moves), replicas => replicas.Take(1)));
    }

    [Fact]
    public void A_drained_node_holds_nothing_and_what_was_not_there_stays()
    {
        for (var seed = 0; seed < Clusters; seed++)
        {
            var random = new Random(seed);
            var (places, before) = Draw(random, racks: seed % 2 == 0);
            var gone = places[random.Next(places.Length)].Id;
            if (TryDrain(places, before, gone) is not { } after) continue;
            foreach (var (partition, replicas) in before)
            {
                Assert.DoesNotContain(gone, after[partition]);
                Assert.Equal(replicas.Where(node => node != gone), after[partition].Where(replicas.Contains));
            }
        }
    }

    [Fact]
    public void A_drain_that_would_leave_too_few_replicas_is_refused_naming_the_topics()
    {
        var before = new Dictionary<TopicPartition, IReadOnlyList<int>>
        {
            [new("wide", 0)] = [1, 2, 3], [new("narrow", 0)] = [1, 2], [new("elsewhere", 0)] = [2, 3],
        };
        var refused = Assert.Throws<OrleansLogException>(
            () => new ReplicaPlanner([new(2, null), new(3, null)], [new(1, null)], before).Drain(1));
        Assert.Equal(ErrorCode.InvalidReplicationFactor, refused.Error);
        Assert.Contains("1 topics: wide.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_topic_gets_more_replicas_on_other_racks_and_loses_those_that_share_one()
    {
        Place[] places = [new(1, "a"), new(2, "a"), new(3, "b"), new(4, "c")];
        var topic = new Dictionary<TopicPartition, IReadOnlyList<int>> { [new("t", 0)] = [1, 2] };
        var more = new ReplicaPlanner(places, [], topic);
        more.SetReplicationFactor(4);
        Assert.Equal([1, 2, 3, 4], more.Moves.Single().To);
        var fewer = new ReplicaPlanner(places, [], Apply(topic, more.Moves));
        fewer.SetReplicationFactor(3);
        Assert.Equal([1, 3, 4], fewer.Moves.Single().To);
        fewer.SetReplicationFactor(1);
        Assert.Equal([1], fewer.Moves.Single().To);
    }

    [Fact]
    public void Nothing_is_put_on_a_node_that_takes_nothing_and_what_it_has_stays()
    {
        var before = new Dictionary<TopicPartition, IReadOnlyList<int>>
        {
            [new("t", 0)] = [1, 3], [new("t", 1)] = [1, 3], [new("t", 2)] = [1, 3],
        };
        var planner = new ReplicaPlanner([new(1, null), new(2, null)], [new(3, null)], before);
        planner.Balance();
        Assert.All(Apply(before, planner.Moves).Values, replicas => Assert.Contains(3, replicas));
        Assert.Single(planner.Moves);
    }

    private static IReadOnlyList<ReplicaMove> Balanced(Place[] places, Dictionary<TopicPartition, IReadOnlyList<int>> assignment)
    {
        var planner = new ReplicaPlanner(places, [], assignment);
        planner.Balance();
        return planner.Moves;
    }

    private static Dictionary<TopicPartition, IReadOnlyList<int>>? TryDrain(
        Place[] places, Dictionary<TopicPartition, IReadOnlyList<int>> assignment, int node)
    {
        var planner = new ReplicaPlanner(
            places.Where(place => place.Id != node), places.Where(place => place.Id == node), assignment);
        try
        {
            planner.Drain(node);
            return Apply(assignment, planner.Moves);
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.InvalidReplicationFactor)
        {
            Assert.Contains(assignment, entry => entry.Value.Count > places.Length - 1 && entry.Value.Contains(node));
            return null;
        }
    }

    private static Dictionary<TopicPartition, IReadOnlyList<int>> Apply(
        Dictionary<TopicPartition, IReadOnlyList<int>> assignment, IReadOnlyList<ReplicaMove> moves)
    {
        var after = new Dictionary<TopicPartition, IReadOnlyList<int>>(assignment);
        foreach (var move in moves)
        {
            Assert.Equal(after[move.Partition], move.From);
            after[move.Partition] = move.To;
        }

        return after;
    }

    private static int[] Count(
        Place[] places, Dictionary<TopicPartition, IReadOnlyList<int>> assignment, Func<IReadOnlyList<int>, IEnumerable<int>> which) =>
        [.. places.Select(place => assignment.Values.Sum(replicas => which(replicas).Count(node => node == place.Id)))];

    // Nobody who leads more can give anything to somebody who leads two less, directly or by others.
    private static bool IsBestSpread(Dictionary<TopicPartition, IReadOnlyList<int>> assignment, int[] led, Place[] places)
    {
        var count = places.Select((place, i) => (place.Id, led[i])).ToDictionary(each => each.Id, each => each.Item2);
        foreach (var start in places)
        {
            var reached = new HashSet<int> { start.Id };
            while (assignment.Values.Where(replicas => reached.Contains(replicas[0])).SelectMany(replicas => replicas).Any(reached.Add))
            {
            }

            if (reached.Any(node => count[node] <= count[start.Id] - 2)) return false;
        }

        return true;
    }

    private static (Place[] Places, Dictionary<TopicPartition, IReadOnlyList<int>> Assignment) Draw(Random random, bool racks)
    {
        var count = random.Next(1, 8);
        var ids = Enumerable.Range(1, 20).ToArray();
        random.Shuffle(ids);
        Place[] places = [.. ids.Take(count).Select((id, i) => new Place(id, racks ? $"r{i % 3}" : null))];
        var assignment = new Dictionary<TopicPartition, IReadOnlyList<int>>();
        for (var topic = 0; topic < random.Next(1, 5); topic++)
        {
            var replicas = random.Next(1, count + 1);
            for (var partition = 0; partition < random.Next(1, 30); partition++)
            {
                var order = places.Select(place => place.Id).ToArray();
                random.Shuffle(order);
                assignment[new TopicPartition($"t{topic}", partition)] = order[..replicas];
            }
        }

        return (places, assignment);
    }
}
