using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Catalog;

/// <summary>
/// The catalog. Topics are made and deleted one at a time by <see cref="TopicLedger"/>; everything else interleaves, each on a
/// state of its own, so that handing out producer ids never waits for the deletion of a large topic.
/// </summary>
internal sealed partial class CatalogGrain(
    [PersistentState("topics", MetadataStorage.Name)] IPersistentState<TopicCatalog> topics,
    [PersistentState("groups", MetadataStorage.Name)] IPersistentState<GroupCatalog> groups,
    [PersistentState("nodes", MetadataStorage.Name)] IPersistentState<NodeCatalog> nodes,
    [PersistentState("producer-ids", MetadataStorage.Name)] IPersistentState<ProducerIdCounter> producerIds,
    LocalNode localNode,
    NodeDirectory nodeDirectory,
    TopicDefaults defaults,
    IOptions<OrleansLogOptions> options,
    ILogger<CatalogGrain> logger) : Grain, ICatalogGrain
{
    private const int MaxProducerIdBlock = 1_000_000;
    private const int MaxDefaultReplicas = 3;
    private const int MaxLeftovers = 10_000;
    private Durable<GroupCatalog> _groups = null!;
    private Durable<NodeCatalog> _nodes = null!;
    private Durable<ProducerIdCounter> _producerIds = null!;
    private TopicLedger _topics = null!;

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _groups = new(groups);
        _nodes = new(nodes);
        _producerIds = new(producerIds);
        _topics = new(new(topics), Places, GrainFactory, defaults, options.Value, logger);
        // The catalog lives on a node itself, so there is always one to put a partition on.
        await AddNode(localNode.Description);
    }

    /// <inheritdoc/>
    public Task<TopicDescription> CreateTopic(CreateTopicRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (InternalTopics.Contains(request.Name))
        {
            throw new OrleansLogException(
                ErrorCode.InvalidTopic, $"'{request.Name}' is the name of an internal topic; the cluster makes it itself.");
        }

        return _topics.CreateAsync(request, isInternal: false);
    }

    /// <inheritdoc/>
    public async Task<TopicDescription> EnsureInternalTopic(string topic)
    {
        var overrides = InternalTopics.OverridesOf(topic);
        if (_topics.IsReady(topic)) return await GrainFactory.GetTopic(topic).Describe();
        var replicas = options.Value.OffsetsTopicReplicationFactor;
        if (replicas == 0) replicas = (short)Math.Min(MaxDefaultReplicas, Places().Length);
        var request = new CreateTopicRequest(topic, options.Value.OffsetsTopicPartitions, replicas, overrides);
        return await _topics.CreateAsync(request, isInternal: true);
    }

    /// <inheritdoc/>
    public Task DeleteTopic(string topic)
    {
        if (InternalTopics.Contains(topic))
            throw new OrleansLogException(ErrorCode.InvalidTopic, $"The internal topic '{topic}' cannot be deleted.");
        return _topics.DeleteAsync(topic);
    }

    /// <inheritdoc/>
    public Task<TopicList> ListTopics() => Task.FromResult(_topics.List());

    /// <inheritdoc/>
    public async Task NoteLeftover(Leftover leftover)
    {
        Leftover[] dropped = [];
        await _nodes.UpdateAsync(state =>
        {
            Leftover[] all = state.Leftovers.Contains(leftover) ? [.. state.Leftovers] : [.. state.Leftovers, leftover];
            dropped = all[..Math.Max(0, all.Length - MaxLeftovers)];
            return state with { Leftovers = all[dropped.Length..] };
        });
        foreach (var one in dropped) LogLeftoverDropped(one.NodeId, one.Topic, one.TopicId, MaxLeftovers);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<Leftover>> ListLeftovers(int nodeId) => Task.FromResult<IReadOnlyList<Leftover>>(
        [.. _nodes.Value.Leftovers.Where(leftover => leftover.NodeId == nodeId)]);

    /// <inheritdoc/>
    public Task ForgetLeftover(Leftover leftover) => _nodes.UpdateAsync(state => state.Leftovers.Contains(leftover)
        ? state with { Leftovers = [.. state.Leftovers.Where(other => other != leftover)] }
        : state);

    /// <inheritdoc/>
    public Task TopicChanged(TopicDescription topic) => _topics.NoteChangeAsync(topic);

    /// <inheritdoc/>
    public Task<long> GetTopicsVersion() => Task.FromResult(_topics.Version);

    /// <inheritdoc/>
    public async Task<ProducerIdBlock> AllocateProducerIds(int count)
    {
        if (count is < 1 or > MaxProducerIdBlock)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRequest, $"{count} producer ids were asked for; the number must be from 1 to {MaxProducerIdBlock}.");
        }

        // Stored before it is handed out: what is lost in between is never used, what is used is never lost.
        var after = await _producerIds.UpdateAsync(state => new ProducerIdCounter { NextId = checked(state.NextId + count) });
        return new ProducerIdBlock(after.NextId - count, count);
    }

    /// <inheritdoc/>
    public Task RegisterGroup(string groupId)
    {
        if (string.IsNullOrEmpty(groupId)) throw new OrleansLogException(ErrorCode.InvalidGroupId, "The group id is empty.");
        return _groups.UpdateAsync(state =>
        {
            var at = Array.BinarySearch(state.GroupIds, groupId, StringComparer.Ordinal);
            if (at >= 0) return state;
            if (state.GroupIds.Length >= options.Value.MaxGroups)
            {
                throw new OrleansLogException(
                    ErrorCode.PolicyViolation,
                    $"The group '{groupId}' would be one more than the {options.Value.MaxGroups} that "
                    + $"{OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.MaxGroups)} allows.");
            }

            return new GroupCatalog { GroupIds = [.. state.GroupIds[..~at], groupId, .. state.GroupIds[~at..]] };
        });
    }

    /// <inheritdoc/>
    public Task UnregisterGroup(string groupId) => _groups.UpdateAsync(state =>
    {
        var at = Array.BinarySearch(state.GroupIds, groupId, StringComparer.Ordinal);
        return at < 0 ? state : new GroupCatalog { GroupIds = [.. state.GroupIds[..at], .. state.GroupIds[(at + 1)..]] };
    });

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> ListGroups() => Task.FromResult<IReadOnlyList<string>>(_groups.Value.GroupIds);

    /// <inheritdoc/>
    public Task<ClusterDescription> DescribeCluster() =>
        Task.FromResult(new ClusterDescription(localNode.ClusterId, _nodes.Value.Nodes));

    /// <inheritdoc/>
    public async Task RegisterNode(NodeDescription node)
    {
        ArgumentNullException.ThrowIfNull(node);
        await AddNode(node);
        await _topics.RecoverAsync();
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<NodeStatus>> ListNodes()
    {
        var view = nodeDirectory.Current;
        return Task.FromResult<IReadOnlyList<NodeStatus>>(
        [
            .. _nodes.Value.Nodes.Select(node => view.Find(node.NodeId) is var running && node.NodeId == localNode.NodeId
                ? Status(node, running, isRunning: true)
                : Status(node, running, running is { IsActive: true })),
        ]);
    }

    /// <inheritdoc/>
    public async Task SetDraining(int nodeId, bool isDraining)
    {
        Find(nodeId);
        await _nodes.UpdateAsync(state => state.Draining.Contains(nodeId) == isDraining
            ? state
            : state with
            {
                Draining = isDraining ? [.. state.Draining.Append(nodeId).Order()] : [.. state.Draining.Where(other => other != nodeId)],
            });
    }

    /// <inheritdoc/>
    public async Task ForgetNode(int nodeId)
    {
        Find(nodeId);
        if (nodeId == localNode.NodeId || nodeDirectory.Current.Find(nodeId) is not null)
            throw new OrleansLogException(ErrorCode.InvalidRequest, $"Node {nodeId} runs and cannot be forgotten; stop it first.");
        var held = (await GrainFactory.GetTopology().CountReplicas()).GetValueOrDefault(nodeId);
        if (held > 0)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRequest, $"Node {nodeId} is to hold {held} replicas and cannot be forgotten; drain it first.");
        }

        await _nodes.UpdateAsync(state => new NodeCatalog
        {
            Nodes = [.. state.Nodes.Where(node => node.NodeId != nodeId)],
            Draining = [.. state.Draining.Where(node => node != nodeId)],
            Leftovers = [.. state.Leftovers.Where(leftover => leftover.NodeId != nodeId)],
        });
    }

    /// <summary>The nodes that new replicas are put on: those that run and are not to be taken out.</summary>
    private ReplicaAssigner.Place[] Places()
    {
        ReplicaAssigner.Place[] running =
            [.. nodeDirectory.Current.Nodes.Where(node => node.IsActive).Select(node => new ReplicaAssigner.Place(node.NodeId, node.Rack))];
        // This one runs, whether it has seen itself or not.
        if (!running.Any(place => place.Id == localNode.NodeId)) running = [.. running, new(localNode.NodeId, localNode.Description.Rack)];
        return [.. running.Where(place => !_nodes.Value.Draining.Contains(place.Id))];
    }

    private NodeStatus Status(NodeDescription node, ClusterNode? running, bool isRunning) =>
        new(node, isRunning, _nodes.Value.Draining.Contains(node.NodeId), running?.Gateway, running?.HttpEndpoint);

    private void Find(int nodeId)
    {
        if (_nodes.Value.Nodes.Any(node => node.NodeId == nodeId)) return;
        throw new OrleansLogException(
            ErrorCode.InvalidRequest,
            $"There is no node {nodeId}; there are {string.Join(", ", _nodes.Value.Nodes.Select(node => node.NodeId))}.");
    }

    private Task<NodeCatalog> AddNode(NodeDescription node) => _nodes.UpdateAsync(state =>
        state.Nodes.Contains(node)
            ? state
            : state with
            {
                Nodes = [.. state.Nodes.Where(other => other.NodeId != node.NodeId).Append(node).OrderBy(each => each.NodeId)],
            });

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Node {Node} will not delete what it may have of the topic '{Topic}', of id {TopicId}, by itself: no more than {Max} such notes are kept.")]
    private partial void LogLeftoverDropped(int node, string topic, Guid topicId, int max);
}
