using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.GrainDirectory;
using OrleansLog.Engine.Replication;
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
    LocalNode node,
    LeaderHints hints,
    Topics.TopicCopies topics,
    ProduceBudget budget,
    SiloStopping stopping,
    Topics.TopicDefaults defaults,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    [PersistentState(StoredOffices.StateName, Storage.MetadataStorage.Name)] IPersistentState<PartitionOffice> storage,
    ILogger<PartitionGrain> logger) : Grain, IPartitionGrain
{
    private static readonly TimeSpan RetryAfterFailure = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(5);
    private TopicPartition _partition;
    private Storage.Durable<PartitionOffice> _office = null!;
    private Task<OpenPartition>? _opening;
    private OpenPartition? _open;
    private long? _failedAt;
    private bool _isStale;
    private bool _isDeleted;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _partition = PartitionKey.Parse(this.GetPrimaryKeyString());
        _office = new(storage);
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
            var open = await OpenAsync();
            if (open.IsInternal && !InternalWrites.IsAllowed)
            {
                throw new OrleansLogException(
                    ErrorCode.InvalidTopic, $"'{_partition.Topic}' is an internal topic; only the cluster writes to it.");
            }

            var timeout = TimeSpan.FromMilliseconds(Math.Max(1, request.TimeoutMs));
            await budget.EnterAsync(records.Length, timeout);
            try
            {
                var outcome = await open.Leader.AppendAsync(records.Memory, request.Acks, timeout, request.CurrentLeaderEpoch);
                if (request.Acks == 0) Array.Fill(outcome.BaseOffsets, -1);
                return new ProduceResponse(
                    outcome.BaseOffsets, outcome.LogAppendTimeMs, outcome.LogStartOffset, outcome.LeaderEpoch);
            }
            finally
            {
                budget.Leave(records.Length);
            }
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
        var outcome = await Task.Run(() => ReadAsync(leader, request, cancellationToken), cancellationToken);
        var length = outcome.Records.Length;
        var records = outcome.Records.Detach() is { } rented ? RecordBytes.Own(rented, length) : RecordBytes.Empty;
        return new FetchResponse(
            records, outcome.HighWatermark, outcome.LastStableOffset, outcome.LogStartOffset, outcome.LeaderEpoch);
    }

    /// <inheritdoc/>
    public async Task<OffsetAndTimestamp> ListOffsets(long timestamp)
    {
        var leader = (await OpenAsync()).Leader;
        var found = await Task.Run(() => leader.ListOffsets(timestamp));
        return found is { } at
            ? new OffsetAndTimestamp(at.Offset, at.TimestampMs, leader.State.LeaderEpoch)
            : new OffsetAndTimestamp(-1, -1, -1);
    }

    /// <inheritdoc/>
    public async Task<EpochEndOffset> OffsetForLeaderEpoch(int leaderEpoch)
    {
        var end = (await OpenAsync()).Leader.OffsetForLeaderEpoch(leaderEpoch);
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
            log.SizeInBytes);
    }

    /// <inheritdoc/>
    public async Task<int> Lead() => (await OpenAsync()).Leader.State.Leader;

    /// <inheritdoc/>
    public async Task<int> HandOver(int? successor)
    {
        var own = node.NodeId;
        if (_open is not { Leader.IsClosed: false } open || successor == own) return _office.Value.Leader;
        var chosen = await open.Leader.ResignAsync(successor, HandOverPatience);
        try
        {
            await _office.UpdateAsync(before =>
                before.LeaderEpoch == open.Leader.State.LeaderEpoch
                && LeaderElection.HandOver(before.ToState(), chosen) is { } next
                    ? before.With(next)
                    : before);
        }
        catch (OrleansLogException)
        {
            // The store failed, and may have carried it out all the same: only what it says now tells.
            _isStale = true;
            open.Leader.Close();
            throw;
        }

        var leader = _office.Value.Leader;
        if (leader == own)
        {
            open.Leader.Resume();
            return own;
        }

        hints.Note(_partition, leader, _office.Value.LeaderEpoch);
        LogHandedOver(_partition, own, leader);
        await CloseAsync();
        DeactivateOnIdle();
        return leader;
    }

    /// <inheritdoc/>
    public async Task ApplyConfig(TopicDescription topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        topics.Note(topic);
        // One that is being opened may have read the configuration before it changed.
        if (_opening is not null) await _opening.ContinueWith(_ => { }, TaskScheduler.Current);
        if (_open is null) DeactivateOnIdle();
        else _open.Log.UpdateConfig(defaults.ConfigOf(topic.Overrides));
        await ForEachFollowerAsync(replica => replica.ApplyConfig(topic));
    }

    /// <inheritdoc/>
    public async Task Delete()
    {
        await RefuseWhileTheTopicIsThere();
        _isDeleted = true;
        topics.Forget(_partition.Topic);
        await CloseAsync();
        await ForEachFollowerAsync(replica => replica.Delete());
        await logs.DeleteAsync(_partition);
        if (_office.Exists) await _office.ClearAsync();
        DeactivateOnIdle();
    }

    /// <summary>Calls the other replicas. One that cannot be reached catches up by itself when it is back.</summary>
    private async Task ForEachFollowerAsync(Func<IReplicaGrain, Task> action)
    {
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
            }
        }
    }

    private async Task<FetchOutcome> ReadAsync(PartitionLeader leader, FetchRequest request, CancellationToken cancellationToken)
    {
        var maxBytes = Math.Min(request.MaxBytes, options.Value.MaxFetchBytes);
        var maxWait = TimeSpan.FromMilliseconds(Math.Max(0, request.MaxWaitMs));
        if (maxWait > options.Value.MaxFetchWait) maxWait = options.Value.MaxFetchWait;
        if (maxWait > TimeSpan.Zero)
        {
            using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
            try
            {
                return await Read(request.MinBytes, maxWait, ending.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The silo stops: what there is now is the answer.
            }
        }

        return await Read(minBytes: 0, TimeSpan.Zero, cancellationToken);

        ValueTask<FetchOutcome> Read(int minBytes, TimeSpan wait, CancellationToken cancellation) => leader.ReadAsync(
            request.Offset, maxBytes, minBytes, wait, request.ReadCommitted, request.CurrentLeaderEpoch, cancellation);
    }

    /// <summary>The open partition, opened if need be; all who come while it is being opened share the one attempt.</summary>
    /// <exception cref="OrleansLogException">See <see cref="PartitionOpener.OpenAsync"/>.</exception>
    private ValueTask<OpenPartition> OpenAsync() =>
        _open is { } open && open.Log.Offline is null && !open.Leader.IsClosed ? new(open) : new(OpenSlowlyAsync());

    private async Task<OpenPartition> OpenSlowlyAsync()
    {
        if (_isDeleted) throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"{_partition} has been deleted.");
        if (_open is { } failed) await LeaveFailedAsync(failed);
        var opening = _opening ??= OpenNowAsync();
        try
        {
            var open = await opening;
            if (ReferenceEquals(_opening, opening))
            {
                _opening = null;
                _open = open;
                _ = WatchAsync(open); // logs what goes wrong
            }

            return open;
        }
        catch (Exception e)
        {
            if (ReferenceEquals(_opening, opening)) _opening = null;
            // Nothing is kept for a partition that there is not, or that is not here.
            DeactivateOnIdle();
            if (e is not Orleans.Storage.InconsistentStateException) throw;
            throw new OrleansLogException(
                ErrorCode.NotLeaderOrFollower, $"Another activation has become the leader of {_partition} meanwhile.", e);
        }
    }

    private async Task<OpenPartition> OpenNowAsync()
    {
        // What was read when this was activated may be out of date once others may have taken office.
        if (_isStale) await _office.RefreshAsync();
        _isStale = true;
        return await opener.OpenAsync(_partition, _office);
    }

    /// <summary>
    /// Waits for the end of the office. One that ended by itself is another replica's to have: if this one's log is damaged or its
    /// disk failed, that is stored here; and calls are sent there from then on.
    /// </summary>
    private async Task WatchAsync(OpenPartition open)
    {
        try
        {
            var end = await open.Leader.Ended;
            if (end.Reason == LeaderEndReason.Closed || !ReferenceEquals(_open, open)) return;
            LogEnded(_partition, end.Message);
            var successor = -1;
            if (end.Reason is LeaderEndReason.Damaged or LeaderEndReason.Offline && open.Leader.State.Replicas.Count > 1)
                successor = await opener.GiveUpAsync(_partition, _office);
            if (end.Reason == LeaderEndReason.Fenced) hints.Forget(_partition);
            else if (successor < 0) return; // the next call tries again here
            if (ReferenceEquals(_open, open)) await CloseAsync();
            DeactivateOnIdle();
            if (successor >= 0) await GrainFactory.GetPartition(_partition).Lead();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogEndFailed(e, _partition);
            DeactivateOnIdle();
        }
    }

    /// <summary>
    /// A log that the disk failed is opened anew once the cause may be gone (a full disk was given room), but not with every
    /// request.
    /// </summary>
    private async Task LeaveFailedAsync(OpenPartition failed)
    {
        if (failed.Log.Offline is not { } offline)
        {
            // Its office ended; whose it is now, the store says.
            _open = null;
            await failed.CloseAsync();
            return;
        }

        _failedAt ??= time.GetTimestamp();
        if (time.GetElapsedTime(_failedAt.Value) < RetryAfterFailure)
            throw new OrleansLogException(offline.Error, offline.Message, offline);
        _failedAt = null;
        LogReopening(_partition, offline.Message);
        _open = null;
        await failed.CloseAsync();
    }

    private async Task CloseAsync()
    {
        if (_opening is { } opening)
        {
            _opening = null;
            try
            {
                await (await opening).CloseAsync();
            }
            catch (Exception)
            {
                // Whoever asked for it hears of it.
            }
        }

        var open = _open;
        _open = null;
        if (open is not null) await open.CloseAsync();
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

    [LoggerMessage(Level = LogLevel.Information, Message = "{Partition} was handed over by node {Node} to node {Successor}.")]
    private partial void LogHandedOver(TopicPartition partition, int node, int successor);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Partition} is led here no more: {Reason}")]
    private partial void LogEnded(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The office of {Partition} ended, and could not be passed on yet.")]
    private partial void LogEndFailed(Exception exception, TopicPartition partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition} on node {Node} could not be told of a change: {Reason}")]
    private partial void LogFollowerNotTold(TopicPartition partition, int node, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} is opened anew after a failure of its disk: {Reason}")]
    private partial void LogReopening(TopicPartition partition, string reason);
}
