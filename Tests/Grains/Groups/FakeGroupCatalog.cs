using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Tests.Grains.Groups;

/// <summary>A catalog that knows groups and producer ids only.</summary>
internal sealed class FakeGroupCatalog : ICatalogGrain
{
    private long _nextProducerId = 100;

    public SortedSet<string> Groups { get; } = new(StringComparer.Ordinal);

    /// <summary>Why no group may be added.</summary>
    public Exception? Refusal { get; set; }

    public Task RegisterGroup(string groupId) =>
        Refusal is null ? Task.FromResult(Groups.Add(groupId)) : Task.FromException(Refusal);

    public Task UnregisterGroup(string groupId) => Task.FromResult(Groups.Remove(groupId));

    public Task<IReadOnlyList<string>> ListGroups() => Task.FromResult<IReadOnlyList<string>>([.. Groups]);

    public Task<ProducerIdBlock> AllocateProducerIds(int count) =>
        Task.FromResult(new ProducerIdBlock(Interlocked.Add(ref _nextProducerId, count) - count, count));

    public Task<TopicDescription> CreateTopic(CreateTopicRequest request) => throw new NotSupportedException();

    public Task<TopicDescription> EnsureInternalTopic(string topic) => throw new NotSupportedException();

    public Task DeleteTopic(string topic) => throw new NotSupportedException();

    public Task<TopicList> ListTopics() => throw new NotSupportedException();

    public Task NoteLeftover(Leftover leftover) => throw new NotSupportedException();

    public Task<IReadOnlyList<Leftover>> ListLeftovers(int nodeId) => throw new NotSupportedException();

    public Task ForgetLeftover(Leftover leftover) => throw new NotSupportedException();

    public Task TopicChanged(TopicDescription topic) => throw new NotSupportedException();

    public Task<long> GetTopicsVersion() => throw new NotSupportedException();

    public Task<ClusterDescription> DescribeCluster() => throw new NotSupportedException();

    public Task<IReadOnlyList<NodeStatus>> ListNodes() => throw new NotSupportedException();

    public Task SetDraining(int nodeId, bool isDraining) => throw new NotSupportedException();

    public Task ForgetNode(int nodeId) => throw new NotSupportedException();

    public Task RegisterNode(NodeDescription node) => throw new NotSupportedException();
}
