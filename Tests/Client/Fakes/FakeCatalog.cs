using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>A catalog that only hands out producer ids.</summary>
internal sealed class FakeCatalog : ICatalogGrain
{
    private long _nextProducerId = 1000;

    /// <summary>Failures of the next calls, in their order.</summary>
    public Queue<Exception> Failures { get; } = new();

    public Task<ProducerIdBlock> AllocateProducerIds(int count) => Failures.TryDequeue(out var failure)
        ? Task.FromException<ProducerIdBlock>(failure)
        : Task.FromResult(new ProducerIdBlock(Interlocked.Add(ref _nextProducerId, count) - count, count));

    public Task<IReadOnlyList<string>> ListGroups() => Task.FromResult<IReadOnlyList<string>>(["a", "b"]);

    public Task<TopicDescription> CreateTopic(CreateTopicRequest request) => throw new NotSupportedException();

    public Task<TopicDescription> EnsureInternalTopic(string topic) => throw new NotSupportedException();

    public Task DeleteTopic(string topic) => throw new NotSupportedException();

    /// <summary>The topics; asking for them fails as <see cref="Failures"/> says.</summary>
    public TopicList Topics { get; set; } = new(1, []);

    public Task<TopicList> ListTopics() => Task.FromResult(Topics);

    public Task NoteLeftover(Leftover leftover) => throw new NotSupportedException();

    public Task<IReadOnlyList<Leftover>> ListLeftovers(int nodeId) => throw new NotSupportedException();

    public Task ForgetLeftover(Leftover leftover) => throw new NotSupportedException();

    public Task TopicChanged(TopicDescription topic) => throw new NotSupportedException();

    public Task<long> GetTopicsVersion() => Failures.TryDequeue(out var failure)
        ? Task.FromException<long>(failure)
        : Task.FromResult(Topics.Version);

    public Task RegisterGroup(string groupId) => throw new NotSupportedException();

    public Task UnregisterGroup(string groupId) => throw new NotSupportedException();

    public Task<ClusterDescription> DescribeCluster() => throw new NotSupportedException();

    public Task<IReadOnlyList<NodeStatus>> ListNodes() => throw new NotSupportedException();

    public Task SetDraining(int nodeId, bool isDraining) => throw new NotSupportedException();

    public Task ForgetNode(int nodeId) => throw new NotSupportedException();

    /// <summary>What a registration does; none does anything but fail when it is not set.</summary>
    public Func<NodeDescription, Task>? OnRegister { get; set; }

    public Task RegisterNode(NodeDescription node) => OnRegister?.Invoke(node) ?? throw new NotSupportedException();
}
