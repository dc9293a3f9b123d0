using Microsoft.Extensions.Logging;
using Orleans.GrainDirectory;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// The leader of a partition, as calls see it: opens it with the first call that needs it (<see cref="PartitionOpener"/>) and
/// hands requests to <see cref="PartitionLeader"/>. Appends run on the grain's turns, one after the other; whatever reads the
/// disk runs on the thread pool, so that no append waits for it.
/// </summary>
[PartitionLeaderPlacement, GrainDirectory(NodeBoundDirectory.Name)]
internal sealed partial class PartitionGrain(
    PartitionOpener opener,
    OpenLogs logs,
    StoredOffices offices,
    LocalNode node,
    SiloStopping stopping,
    LeaderHints hints,
    Topics.TopicCopies topics,
    LeaderCalls calls,
    Topics.TopicDefaults defaults,
    TimeProvider time,
    [PersistentState(StoredOffices.StateName, Storage.MetadataStorage.Name)] IPersistentState<PartitionOffice> storage,
    ILogger<PartitionGrain> logger) : Grain, IPartitionGrain
{
    private TopicPartition _partition;
    private Storage.Durable<PartitionOffice> _office = null!;
    private bool _isDeleted;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _partition = PartitionKey.Parse(this.GetPrimaryKeyString());
        _office = new(storage);
        _opened = new(OpenNowAsync);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => CloseAsync();

    /// <inheritdoc/>
    public async Task<ProduceResponse> Produce(ProduceRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var records = request.Records;
        try
        {
            return await calls.ProduceAsync((await OpenAsync()).Leader, request);
        }
        finally
        {
            // What came over the wire, or was joined here, is this call's; what a caller in this process lent it keeps.
            if (records.IsRented) records.Dispose();
        }
    }

    /// <inheritdoc/>
    public async Task<FetchResponse> Fetch(FetchRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var leader = (await OpenAsync()).Leader;
        return await Task.Run(() => calls.FetchAsync(leader, request, cancellationToken), cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<OffsetAndTimestamp> ListOffsets(long timestamp, bool readCommitted = false, int currentLeaderEpoch = -1)
    {
        var leader = (await OpenAsync()).Leader;
        var found = await Task.Run(() => leader.ListOffsets(timestamp, readCommitted, currentLeaderEpoch));
        return found is { } at
            ? new OffsetAndTimestamp(at.Offset, at.TimestampMs, leader.State.LeaderEpoch)
            : new OffsetAndTimestamp(-1, -1, -1);
    }

    /// <inheritdoc/>
    public async Task<EpochEndOffset> OffsetForLeaderEpoch(int leaderEpoch, int currentLeaderEpoch = -1)
    {
        var end = (await OpenAsync()).Leader.OffsetForLeaderEpoch(leaderEpoch, currentLeaderEpoch);
        return new EpochEndOffset(end.Epoch, end.EndOffset);
    }

    /// <inheritdoc/>
    public async Task<long> DeleteRecords(long beforeOffset)
    {
        var leader = (await OpenAsync()).Leader;
        return await Task.Run(() => leader.DeleteRecords(beforeOffset));
    }

    /// <inheritdoc/>
    public async Task<PartitionDescription> Describe()
    {
        var leader = (await OpenAsync()).Leader;
        var (state, log) = (leader.State, leader.Log);
        return new PartitionDescription(
            _partition,
            state.Leader,
            state.LeaderEpoch,
            state.Replicas,
            state.Isr,
            log.LogStartOffset,
            leader.HighWatermark,
            log.LogEndOffset,
            log.SizeInBytes,
            state.Eligible);
    }

    /// <inheritdoc/>
    public async Task ApplyConfig(TopicDescription topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        topics.Note(topic);
        // One that is being opened may have read the configuration before it changed.
        await _opened.WhenSettledAsync();
        if (_opened.Current is { } open)
        {
            open.Log.UpdateConfig(defaults.ConfigOf(topic.Overrides));
            open.Leader.NoteConfigChanged();
        }
        else
        {
            DeactivateOnIdle();
        }

        await ForEachFollowerAsync(replica => replica.ApplyConfig(topic));
    }

    /// <inheritdoc/>
    public async Task Delete()
    {
        await RefuseWhileTheTopicIsThere();
        _isDeleted = true;
        topics.Forget(_partition.Topic);
        await CloseAsync();
        var untold = await ForEachFollowerAsync(static replica => replica.Delete());
        // What is left of a rehearsal goes when its node starts, and is nobody else's to know.
        if (!RehearsalTopic.Is(_partition.Topic))
        {
            foreach (var other in untold)
                await GrainFactory.GetCatalog().NoteLeftover(new Leftover(_partition.Topic, _office.Value.TopicId, other));
        }

        await logs.DeleteAsync(_partition);
        if (_office.Exists) await _office.ClearAsync();
        DeactivateOnIdle();
    }

    /// <summary>Calls the other replicas; answers the nodes of those that could not be reached.</summary>
    private async Task<IReadOnlyList<int>> ForEachFollowerAsync(Func<IReplicaGrain, Task> action)
    {
        var untold = new List<int>();
        foreach (var other in _office.Value.Replicas)
        {
            if (other == node.NodeId) continue;
            try
            {
                await action(GrainFactory.GetReplica(_partition, other));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                LogFollowerNotTold(_partition, other, e.Message);
                untold.Add(other);
            }
        }

        return untold;
    }

    private async Task RefuseWhileTheTopicIsThere()
    {
        try
        {
            await GrainFactory.GetTopic(_partition.Topic).Describe();
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
        {
            return;
        }

        throw new OrleansLogException(
            ErrorCode.InvalidRequest, $"{_partition} cannot be deleted by itself; delete the topic '{_partition.Topic}'.");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition} on node {Node} could not be told of a change: {Reason}")]
    private partial void LogFollowerNotTold(TopicPartition partition, int node, string reason);
}
