using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Finds the node that leads a partition, or is to: whom the store names, if it runs; otherwise the first in-sync replica that
/// does, or else the first eligible one. What it says is where to ask and no more; the office is taken by compare-and-set.
/// Whoever knows is asked only for so long: it may be on a node that was just lost, and all who call the grain wait along. Thread-safe.
/// </summary>
internal sealed class LeaderLocator(
    NodeDirectory nodes, StoredOffices offices, LeaderHints hints, IGrainFactory grains, TimeProvider time)
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(1);
    private volatile int _groupPartitions;

    /// <summary>The node of that number.</summary>
    /// <exception cref="OrleansLogException">LeaderNotAvailable: it does not run.</exception>
    public ClusterNode FindNode(int nodeId) => nodes.Current.Find(nodeId) is { IsActive: true } node
        ? node
        : throw new OrleansLogException(ErrorCode.LeaderNotAvailable, $"Node {nodeId} does not run.");

    /// <summary>Where calls for a partition go, by what was heard last.</summary>
    /// <exception cref="OrleansLogException">LeaderNotAvailable, KafkaStorageError.</exception>
    public async Task<ClusterNode> FindAsync(TopicPartition partition)
    {
        var view = await GetViewAsync();
        if (Only(view) is { } only) return only;
        if (hints.Find(partition) is { } hint && view.Find(hint.NodeId) is { IsActive: true } leader) return leader;
        return await FindStoredAsync(partition, view);
    }

    /// <summary>Where a partition is led or to be led, by what is stored now.</summary>
    /// <exception cref="OrleansLogException">LeaderNotAvailable, KafkaStorageError.</exception>
    public async Task<ClusterNode> FindStoredAsync(TopicPartition partition)
    {
        var view = await GetViewAsync();
        return Only(view) ?? await FindStoredAsync(partition, view);
    }

    /// <summary>Where a group is coordinated.</summary>
    /// <exception cref="OrleansLogException">See <see cref="FindAsync"/>; and whatever keeps the topic of offsets from being made.</exception>
    public async Task<ClusterNode> FindCoordinatorAsync(string groupId)
    {
        var view = await GetViewAsync();
        return Only(view) ?? await FindAsync(await GetGroupPartitionAsync(groupId));
    }

    /// <summary>The partition that a group is kept in.</summary>
    public async ValueTask<TopicPartition> GetGroupPartitionAsync(string groupId)
    {
        if (_groupPartitions == 0)
        {
            var topic = await AskAsync(grains.GetCatalog().EnsureInternalTopic(GroupPartitioner.OffsetsTopic), "how many partitions groups are kept in");
            _groupPartitions = topic.Partitions.Count;
        }

        return new TopicPartition(
            GroupPartitioner.OffsetsTopic, GroupPartitioner.PartitionFor(groupId, _groupPartitions));
    }

    /// <summary>Who is to lead by a stored state: its leader, if it runs, be it merely eligible (<see cref="LeaderElection.PassOn"/>); otherwise
    /// the first in-sync replica that does, or else the first eligible one; -1 when none does.</summary>
    public static int Choose(PartitionState state, IReadOnlySet<int> live) =>
        live.Contains(state.Leader) && (state.Isr.Contains(state.Leader) || state.Eligible.Contains(state.Leader))
            ? state.Leader
            : LeaderElection.Choose(state, live, new HashSet<int>(), uncleanAllowed: false)?.Leader ?? -1;

    private async Task<ClusterNode> FindStoredAsync(TopicPartition partition, NodeView view)
    {
        var office = await AskAsync(offices.ReadAsync(partition), $"who leads {partition}");
        IReadOnlyList<int> replicas = office.Replicas;
        var chosen = -1;
        if (office.LeaderEpoch >= 0)
        {
            chosen = Choose(office.ToState(), view.ActiveIds);
            replicas = [.. office.Replicas.OrderBy(office.ToState().Adding.Contains)];
        }
        else if (await TryDescribeAsync(partition) is { } assigned)
        {
            replicas = assigned;
        }
        else
        {
            // There is no such partition; any node can say so.
            return view.Find(nodes.OwnId) ?? view.Nodes[0];
        }

        // Without one in sync, a replica says whether it may lead all the same.
        if (chosen < 0) chosen = replicas.FirstOrDefault(view.ActiveIds.Contains, -1);
        if (chosen < 0)
        {
            throw new OrleansLogException(
                ErrorCode.LeaderNotAvailable,
                $"No replica of {partition} runs; they are on the nodes {string.Join(", ", replicas)}.");
        }

        hints.Note(partition, chosen, office.LeaderEpoch);
        return view.Find(chosen)!;
    }

    private async Task<IReadOnlyList<int>?> TryDescribeAsync(TopicPartition partition)
    {
        try
        {
            var topic = await AskAsync(grains.GetTopic(partition.Topic).Describe(), $"where {partition} is");
            return partition.Partition < topic.Partitions.Count ? topic.Partitions[partition.Partition].Replicas : null;
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
        {
            return null;
        }
    }

    private Task<T> AskAsync<T>(Task<T> asking, string what) => Asking.WithinAsync(asking, what, time);

    /// <summary>The node when it is the only one: then everything is here, and nothing has to be looked up.</summary>
    private ClusterNode? Only(NodeView view) =>
        view.Nodes.Count == 1 && view.Unknown.Count == 0 && view.Nodes[0].NodeId == nodes.OwnId ? view.Nodes[0] : null;

    /// <summary>The view, once this silo itself is in it: that it takes calls is known to Orleans a moment earlier.</summary>
    private async ValueTask<NodeView> GetViewAsync()
    {
        var view = nodes.Current;
        if (view.Find(nodes.OwnId) is not null) return view;
        try
        {
            return await nodes.WaitForAsync(later => later.Find(nodes.OwnId) is not null, CancellationToken.None)
                .WaitAsync(StartPatience, time);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            return nodes.Current;
        }
    }
}
