using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Catalog;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Topics;

/// <summary>
/// A topic. Its state is written before anybody is told of a change, and its partitions take it over from the description that
/// they ask for when they open, or are handed when they are open.
/// </summary>
internal sealed partial class TopicGrain(
    [PersistentState("topic", MetadataStorage.Name)] IPersistentState<TopicState> storage,
    TopicDefaults defaults,
    StoredOffices offices,
    TimeProvider time,
    ILogger<TopicGrain> logger) : Grain, ITopicGrain
{
    // Partitions told or deleted at a time.
    private const int Parallelism = 32;
    private Durable<TopicState> _state = null!;
    private TopicDescription? _description;

    private string Name => this.GetPrimaryKeyString();

    /// <inheritdoc/>
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _state = new(storage);
        if (!_state.Value.IsUnannounced || _state.Value.IsDeleting) return;
        try
        {
            await AnnounceAsync(DescribeNow());
        }
        catch (Exception e)
        {
            // The topic itself is well; the next activation tries again.
            LogUnannounced(e, Name);
        }
    }

    /// <inheritdoc/>
    public Task<TopicDescription> Describe()
    {
        if (_state.Value.Id == Guid.Empty) DeactivateOnIdle();
        return Task.FromResult(DescribeNow());
    }

    /// <inheritdoc/>
    public async Task Create(TopicDescription topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        await _state.UpdateAsync(state => state.Id == topic.Id && !state.IsDeleting ? state : new TopicState
        {
            Id = topic.Id,
            IsInternal = topic.IsInternal,
            Assignment = TopicState.AssignmentOf(topic),
            Overrides = new(topic.Overrides),
        });
        _description = null;
    }

    /// <inheritdoc/>
    public async Task<TopicDescription> AlterConfig(IReadOnlyDictionary<string, string?> changes, bool validateOnly)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var before = DescribeNow();
        var overrides = new Dictionary<string, string>(before.Overrides);
        foreach (var (name, value) in changes)
        {
            if (value is not null) overrides[name] = value;
            // A name that is removed must be one there is; a removed value is always valid.
            else if (!overrides.Remove(name)) defaults.CheckName(name);
        }

        var after = defaults.Describe(
            before.Name, before.Id, before.IsInternal, _state.Value.Assignment, overrides);
        if (validateOnly) return after;
        await _state.UpdateAsync(state => state with { Overrides = overrides });
        _description = after;
        await ForEachPartition(after.Partitions.Count, partition => partition.ApplyConfig(after));
        return after;
    }

    /// <inheritdoc/>
    public async Task<TopicDescription> CreatePartitions(
        int totalCount, IReadOnlyList<IReadOnlyList<int>>? assignment, bool validateOnly)
    {
        var before = DescribeNow();
        var count = before.Partitions.Count;
        if (totalCount <= count)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidPartitions,
                $"The topic '{Name}' has {count} partitions; {totalCount} is not more. Partitions cannot be taken away.");
        }

        defaults.CheckPartitionCount(Name, totalCount);
        if ((await ListReassignments()).Count > 0)
        {
            throw new OrleansLogException(
                ErrorCode.ReassignmentInProgress,
                $"Replicas of the topic '{Name}' are being moved; how many a new partition should have is known when that is over.");
        }

        var places = (await GrainFactory.GetCatalog().ListNodes()).Where(CanTake)
            .Select(node => new ReplicaAssigner.Place(node.Node.NodeId, node.Node.Rack)).ToArray();
        var replicationFactor = before.Partitions[0].Replicas.Count;
        if (replicationFactor > places.Length)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidReplicationFactor,
                $"The topic '{Name}' has {replicationFactor} replicas of each partition; {places.Length} nodes run and are not being drained.");
        }

        var added = assignment is { } wanted
            ? ReplicaAssigner.Check(Name, places, replicationFactor, count, totalCount, wanted)
            : ReplicaAssigner.Assign(places, replicationFactor, count, totalCount, before.Id.GetHashCode());
        if (validateOnly) return before;
        await _state.UpdateAsync(state => state with { Assignment = [.. state.Assignment, .. added], IsUnannounced = true });
        _description = null;
        var after = DescribeNow();
        await AnnounceAsync(after);
        return after;
    }

    /// <inheritdoc/>
    public async Task Delete()
    {
        if (_state.Value.Id == Guid.Empty)
        {
            DeactivateOnIdle();
            return;
        }

        // From here on no partition finds the topic, so that none comes back to life while they are deleted.
        await _state.UpdateAsync(state => state.IsDeleting ? state : state with { IsDeleting = true });
        _description = null;
        await ForEachPartition(_state.Value.Assignment.Length, partition => partition.Delete());
        await _state.ClearAsync();
        DeactivateOnIdle();
    }

    private TopicDescription DescribeNow()
    {
        var state = _state.Value;
        if (state.Id == Guid.Empty || state.IsDeleting)
            throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"There is no topic '{Name}'.");
        return _description ??= defaults.Describe(Name, state.Id, state.IsInternal, state.Assignment, state.Overrides);
    }

    private async Task AnnounceAsync(TopicDescription topic)
    {
        await GrainFactory.GetCatalog().TopicChanged(topic);
        await _state.UpdateAsync(state => state with { IsUnannounced = false });
    }

    private async Task ForEachPartition(int count, Func<IPartitionGrain, Task> action)
    {
        for (var from = 0; from < count; from += Parallelism)
        {
            var calls = new List<Task>(Parallelism);
            for (var i = from; i < Math.Min(count, from + Parallelism); i++)
                calls.Add(action(GrainFactory.GetPartition(new TopicPartition(Name, i))));
            await Task.WhenAll(calls);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The catalog could not be told the partition count of the topic {Topic} yet.")]
    private partial void LogUnannounced(Exception exception, string topic);
}
