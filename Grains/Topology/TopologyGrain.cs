using Orleans.Concurrency;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Place = OrleansLog.Grains.Catalog.ReplicaAssigner.Place;

namespace OrleansLog.Grains.Topology;

/// <summary>Collects what the planner needs to know. It keeps nothing.</summary>
[StatelessWorker(1)]
internal sealed class TopologyGrain : Grain, ITopologyGrain
{
    private const int MaxParallelCalls = 64;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReplicaMove>> PlanBalance()
    {
        var planner = await PlanAsync(await GrainFactory.GetCatalog().ListNodes(), await ListTopicsAsync());
        planner.Balance();
        return planner.Moves;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReplicaMove>> PlanDrain(int nodeId)
    {
        var nodes = await GrainFactory.GetCatalog().ListNodes();
        if (nodes.All(node => node.Node.NodeId != nodeId))
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRequest,
                $"There is no node {nodeId}; there are {string.Join(", ", nodes.Select(node => node.Node.NodeId))}.");
        }

        var planner = await PlanAsync(nodes.Where(node => node.Node.NodeId != nodeId), await ListTopicsAsync());
        planner.Drain(nodeId);
        return planner.Moves;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReplicaMove>> PlanReplicationFactor(string topic, int replicationFactor)
    {
        var nodes = await GrainFactory.GetCatalog().ListNodes();
        var able = nodes.Count(CanTake);
        if (replicationFactor < 1 || replicationFactor > able)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidReplicationFactor,
                $"The topic '{topic}' cannot have {replicationFactor} replicas of each partition; the number must be from 1 to the number "
                + $"of nodes that take replicas, which is {able}.");
        }

        // The others count for how full the nodes are; a topic that is not there is refused by itself.
        await GrainFactory.GetTopic(topic).Describe();
        var all = await ReadAsync(await ListTopicsAsync());
        var held = all.Where(entry => entry.Key.Topic == topic);
        var planner = NewPlanner(nodes, held);
        planner.SetReplicationFactor(replicationFactor);
        return planner.Moves;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<int, int>> CountReplicas()
    {
        var assignment = await ReadAsync(await ListTopicsAsync());
        return assignment.SelectMany(entry => entry.Value).GroupBy(node => node).ToDictionary(node => node.Key, node => node.Count());
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PartitionReassignment>> ListReassignments()
    {
        var found = await ForEachTopicAsync(await ListTopicsAsync(), topic => GrainFactory.GetTopic(topic).ListReassignments());
        return [.. found.SelectMany(each => each)
            .OrderBy(each => each.Partition.Topic, StringComparer.Ordinal).ThenBy(each => each.Partition.Partition)];
    }

    private static bool CanTake(NodeStatus node) => node is { IsRunning: true, IsDraining: false };

    private async Task<ReplicaPlanner> PlanAsync(IEnumerable<NodeStatus> nodes, IReadOnlyList<string> topics) =>
        NewPlanner(nodes, await ReadAsync(topics));

    private static ReplicaPlanner NewPlanner(
        IEnumerable<NodeStatus> nodes, IEnumerable<KeyValuePair<TopicPartition, IReadOnlyList<int>>> assignment)
    {
        var byUse = nodes.ToLookup(CanTake, node => new Place(node.Node.NodeId, node.Node.Rack));
        return new ReplicaPlanner(byUse[true], byUse[false], assignment);
    }

    private async Task<IReadOnlyList<string>> ListTopicsAsync() =>
        [.. (await GrainFactory.GetCatalog().ListTopics()).Topics.Select(topic => topic.Name)];

    // Of those that are being moved, where they are going to be.
    private async Task<IReadOnlyList<KeyValuePair<TopicPartition, IReadOnlyList<int>>>> ReadAsync(IReadOnlyList<string> topics)
    {
        var found = await ForEachTopicAsync(topics, async name =>
        {
            var grain = GrainFactory.GetTopic(name);
            var moving = (await grain.ListReassignments()).ToDictionary(each => each.Partition.Partition);
            var topic = await grain.Describe();
            return topic.Partitions.Select(partition => KeyValuePair.Create(
                new TopicPartition(name, partition.Partition),
                moving.TryGetValue(partition.Partition, out var move)
                    ? [.. move.Replicas.Except(move.Removing)]
                    : partition.Replicas)).ToArray();
        });
        return [.. found.SelectMany(each => each)];
    }

    // A topic that is deleted meanwhile is left out.
    private static async Task<IReadOnlyList<T>> ForEachTopicAsync<T>(IReadOnlyList<string> topics, Func<string, Task<T>> ask)
    {
        var results = new List<T>();
        foreach (var some in topics.Chunk(MaxParallelCalls))
        {
            foreach (var call in some.Select(ask).ToArray())
            {
                try
                {
                    results.Add(await call);
                }
                catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
                {
                    continue;
                }
            }
        }

        return results;
    }
}
