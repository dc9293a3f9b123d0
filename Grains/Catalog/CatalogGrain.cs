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
internal sealed class CatalogGrain(
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
        _topics = new(new(topics), nodeDirectory, GrainFactory, defaults, options.Value, logger);
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
        if (replicas == 0) replicas = (short)Math.Min(MaxDefaultReplicas, TopicLedger.Places(nodeDirectory).Length);
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

    private Task<NodeCatalog> AddNode(NodeDescription node) => _nodes.UpdateAsync(state =>
        state.Nodes.Contains(node)
            ? state
            : new NodeCatalog
            {
                Nodes = [.. state.Nodes.Where(other => other.NodeId != node.NodeId).Append(node).OrderBy(each => each.NodeId)],
            });
}
