using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Replicas;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Answers from what this node has: its own offices, what it heard of those of others, the stored ones. Who leads elsewhere is
/// asked of the nodes themselves, all partitions of a topic with one call for each node. Thread-safe.
/// </summary>
internal sealed class ClusterView(
    Hosting.LocalNode localNode,
    NodeDirectory nodes,
    NodeReplicas replicas,
    LeaderLocator locator,
    LeaderHints hints,
    OfficeCache offices,
    TopicCopies copies,
    Hosting.NodeStorageView storage,
    Partitions.LeaderCalls calls,
    IGrainFactory grains,
    TimeProvider time) : IClusterView
{
    private const int Parallelism = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan CatalogPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CatalogPause = TimeSpan.FromMilliseconds(50);
    private volatile TopicIndex _topics = new(new TopicList(-1, []));

    /// <inheritdoc/>
    public string ClusterId => localNode.ClusterId;

    /// <inheritdoc/>
    public int NodeId => localNode.NodeId;

    /// <inheritdoc/>
    public IReadOnlyList<KafkaBroker> Brokers => nodes.Current.Brokers;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, string> Settings => storage.Settings;

    /// <inheritdoc/>
    public NodeStorage DescribeStorage() => storage.Describe();

    /// <inheritdoc/>
    public Task WhenActiveAsync(CancellationToken cancellationToken) =>
        nodes.WaitForAsync(view => view.Find(NodeId) is { IsActive: true }, cancellationToken);

    /// <inheritdoc/>
    public bool Leads(TopicPartition partition) => replicas.FindLeader(partition) is { IsClosed: false };

    /// <inheritdoc/>
    public ILocalLeader? FindLocal(TopicPartition partition) =>
        replicas.FindLeader(partition) is { IsClosed: false } leader ? calls.Of(leader) : null;

    /// <inheritdoc/>
    public async Task<int> FindLeaderAsync(TopicPartition partition)
    {
        if (Leads(partition)) return NodeId;
        var topics = await GetTopicsAsync();
        if (topics.Find(partition.Topic) is not { } topic || partition.Partition < 0 || partition.Partition >= topic.PartitionCount)
            throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"There is no partition {partition}.");
        try
        {
            return (await locator.FindStoredAsync(partition)).NodeId;
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.LeaderNotAvailable)
        {
            return -1;
        }
    }

    /// <inheritdoc/>
    public async Task<int> FindCoordinatorAsync(string groupId) => (await locator.FindCoordinatorAsync(groupId)).NodeId;

    /// <inheritdoc/>
    public async Task<TopicIndex> GetTopicsAsync()
    {
        var began = time.GetTimestamp();
        while (true)
        {
            var known = _topics;
            try
            {
                var catalog = grains.GetCatalog();
                if (await catalog.GetTopicsVersion().WaitAsync(Patience, time) == known.Version) return known;
                var latest = new TopicIndex(await catalog.ListTopics().WaitAsync(Patience, time));
                _topics = latest;
                return latest;
            }
            catch (Exception e) when (e is OrleansException or TimeoutException or OrleansLogException { IsRetriable: true })
            {
                // The silo that it was on has just died, or hangs. What this node knows is what clients are told meanwhile, as by Kafka.
                if (known.Version >= 0) return known;
                if (time.GetElapsedTime(began) > CatalogPatience) throw NotReached(e);
            }

            await Task.Delay(CatalogPause, time);
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PartitionLeadership>> DescribePartitionsAsync(TopicListing topic, bool lead)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var assignment = await FindAssignmentAsync(topic);
        var found = new HeldOffice[assignment.Count];
        var elsewhere = new Dictionary<int, List<int>>();
        var view = nodes.Current;
        for (var i = 0; i < found.Length; i++)
        {
            var partition = new TopicPartition(topic.Name, i);
            found[i] = replicas.FindOffice(partition);
            if (found[i].LeaderEpoch >= 0 || hints.Find(partition) is not { } hint || hint.NodeId == NodeId
                || view.Find(hint.NodeId) is not { IsActive: true }) continue;
            if (!elsewhere.TryGetValue(hint.NodeId, out var of)) elsewhere.Add(hint.NodeId, of = []);
            of.Add(i);
        }

        var leaders = new int[found.Length];
        for (var i = 0; i < leaders.Length; i++) leaders[i] = found[i].LeaderEpoch >= 0 ? NodeId : -1;
        await Task.WhenAll(elsewhere.Select(node => AskAsync(topic.Name, node.Key, node.Value, found, leaders)));
        var described = new PartitionLeadership[found.Length];
        await Parallel.ForAsync(0, found.Length, new ParallelOptions { MaxDegreeOfParallelism = Parallelism }, async (i, _) =>
            described[i] = leaders[i] >= 0
                ? Describe(i, leaders[i], found[i].LeaderEpoch, found[i].Replicas, found[i].InSyncReplicas, found[i].EligibleReplicas ?? [])
                : await DescribeStoredAsync(new TopicPartition(topic.Name, i), assignment[i].Replicas, lead));
        return described;
    }

    private static OrleansLogException NotReached(Exception cause) => new(
        ErrorCode.RequestTimedOut,
        $"The catalog was not reached within {CatalogPatience.TotalSeconds} s, and this node knows no topics yet: {cause.Message}",
        cause);

    private async Task<IReadOnlyList<PartitionAssignment>> FindAssignmentAsync(TopicListing topic)
    {
        if (copies.Find(topic.Name, topic.Id) is { } copy && copy.Partitions.Count >= topic.PartitionCount) return copy.Partitions;
        return (await copies.GetAsync(topic.Name)).Partitions;
    }

    /// <summary>Asks a node for the partitions that it is said to lead. What it does not lead, or does not answer, stays open.</summary>
    private async Task AskAsync(string topic, int nodeId, List<int> partitions, HeldOffice[] found, int[] leaders)
    {
        try
        {
            var held = await grains.GetNode(nodeId)
                .DescribeOffices([.. partitions.Select(partition => new TopicPartition(topic, partition))]).WaitAsync(Patience, time);
            for (var i = 0; i < held.Length; i++)
            {
                if (held[i].LeaderEpoch < 0) continue;
                (found[partitions[i]], leaders[partitions[i]]) = (held[i], nodeId);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It hangs, or has just died; what is stored tells.
        }
    }

    private async Task<PartitionLeadership> DescribeStoredAsync(TopicPartition partition, IReadOnlyList<int> assigned, bool lead)
    {
        var office = await offices.FindAsync(partition);
        var live = nodes.Current.ActiveIds;
        if (office.LeaderEpoch < 0)
        {
            if (lead && await TryLeadAsync(partition) is { } now) return now;
            return Describe(partition.Partition, assigned.FirstOrDefault(live.Contains, -1), -1, assigned, assigned, []);
        }

        return Describe(
            partition.Partition,
            LeaderLocator.Choose(office.ToState(), live),
            office.LeaderEpoch,
            office.Replicas,
            office.InSyncReplicas,
            office.EligibleReplicas);
    }

    private async Task<PartitionLeadership?> TryLeadAsync(TopicPartition partition)
    {
        try
        {
            var state = await grains.GetPartition(partition).Describe();
            return Describe(
                partition.Partition, state.Leader, state.LeaderEpoch, state.Replicas, state.InSyncReplicas, state.EligibleReplicas ?? []);
        }
        catch (Exception e) when (e is OrleansLogException or OrleansException or TimeoutException)
        {
            return null;
        }
    }

    private PartitionLeadership Describe(
        int partition, int leader, int epoch, IReadOnlyList<int> all, IReadOnlyList<int> inSync, IReadOnlyList<int> eligible)
    {
        var live = nodes.Current.ActiveIds;
        return new PartitionLeadership(
            partition, leader, epoch, all, inSync, eligible, all.All(live.Contains) ? [] : [.. all.Where(node => !live.Contains(node))]);
    }
}
