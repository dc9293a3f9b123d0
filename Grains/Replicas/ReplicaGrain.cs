using Microsoft.Extensions.Logging;
using Orleans.GrainDirectory;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// A replica on this node, as leaders on others see it: opens it with the first call and hands calls to
/// <see cref="PartitionFollower"/>. It keeps nothing by itself: one that Orleans collects is opened anew by the next push.
/// </summary>
[NodePlacement, GrainDirectory(NodeBoundDirectory.Name)]
internal sealed partial class ReplicaGrain(
    NodeReplicas replicas,
    OpenLogs logs,
    StoredOffices offices,
    TopicCopies topics,
    TopicDefaults defaults,
    LeaderHints hints,
    LocalNode node,
    SiloStopping stopping,
    TimeProvider time,
    ILogger<ReplicaGrain> logger) : Grain, IReplicaGrain
{
    private static readonly TimeSpan RetryAfterFailure = TimeSpan.FromSeconds(5);
    private TopicPartition _partition;
    private Storage.Opened<ReplicaLease> _opened = null!;
    private long? _failedAt;
    private bool _isDeleting;

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        (_partition, var nodeId) = ReplicaKey.Parse(this.GetPrimaryKeyString());
        _opened = new(OpenNowAsync);
        return nodeId == node.NodeId
            ? Task.CompletedTask
            : throw new OrleansLogException(
                ErrorCode.NotLeaderOrFollower, $"The replica of {_partition} on node {nodeId} was asked for on node {node.NodeId}.");
    }

    /// <inheritdoc/>
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => CloseAsync();

    /// <inheritdoc/>
    public async Task Prepare()
    {
        var open = await OpenAsync();
        // What is new here now may have been wiped: it must not look as if it had held what was committed meanwhile.
        var office = await offices.ReadAsync(_partition);
        if (office.LeaderEpoch >= 0)
        {
            throw new OrleansLogException(
                ErrorCode.FencedLeaderEpoch, $"{_partition} has a leader of epoch {office.LeaderEpoch} already; this is not its first term.");
        }

        open.Follower.PrepareToLead(office.ToState());
    }

    /// <inheritdoc/>
    public async Task<ReplicaLogState> BeginTerm(ReplicaTerm term)
    {
        var open = await OpenAsync();
        // Both would write to one log. A leader of this node that is over is fenced before the new one's first record.
        if (replicas.FindLeader(_partition) is { } own && own.State.LeaderEpoch < term.LeaderEpoch) own.Fence();
        var state = await open.Follower.BeginTermAsync(new BeginTermRequest(term.LeaderEpoch, term.LeaderNode));
        if (state.Result == ReplicaResult.Ok) hints.Note(_partition, term.LeaderNode, term.LeaderEpoch);
        return state.ToMessage();
    }

    /// <inheritdoc/>
    public async Task<ReplicaPushResponse> Replicate(ReplicaPush push)
    {
        ArgumentNullException.ThrowIfNull(push);
        using var records = push.Records;
        var open = await OpenAsync();
        return (await open.Follower.ReplicateAsync(push.ToEngine())).ToMessage(stopping.IsLeaving);
    }

    /// <inheritdoc/>
    public Task Touch() => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task ApplyConfig(TopicDescription topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        topics.Note(topic);
        // One that is being opened may have read the configuration before it changed.
        await _opened.WhenSettledAsync();
        if (_opened.Current is { } open) open.Log.UpdateConfig(defaults.ConfigOf(topic.Overrides));
        else DeactivateOnIdle();
    }

    /// <inheritdoc/>
    public async Task Delete()
    {
        if (_isDeleting) return;
        // From here on nobody opens it. If by what is read next it belongs elsewhere, it cannot come to be in sync here again before its
        // folder is gone: that would need a session, and so an opening.
        _isDeleting = true;
        try
        {
            await RefuseWhileItBelongsHere();
            topics.Forget(_partition.Topic);
            await CloseAsync();
            await logs.DeleteAsync(_partition);
        }
        finally
        {
            _isDeleting = false;
        }

        DeactivateOnIdle();
    }

    private ValueTask<ReplicaLease> OpenAsync() =>
        _opened.Current is { } open && open.Log.Offline is null ? new(open) : new(OpenSlowlyAsync());

    private async Task<ReplicaLease> OpenSlowlyAsync()
    {
        if (_isDeleting)
            throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, $"The replica of {_partition} on node {node.NodeId} is being deleted.");
        if (_opened.Current is { } failed) await LeaveFailedAsync(failed);
        try
        {
            return (await _opened.OpenAsync()).Value;
        }
        catch
        {
            DeactivateOnIdle();
            throw;
        }
    }

    private async Task<ReplicaLease> OpenNowAsync()
    {
        var topic = await topics.GetAsync(_partition.Topic);
        PartitionOffice? office = null;
        try
        {
            office = await offices.ReadAsync(_partition);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Replicas are kept in sync while the store is away.
            LogStoreAway(_partition, e.Message);
        }

        if (!IsReplica(topic, office))
        {
            throw new OrleansLogException(
                ErrorCode.NotLeaderOrFollower, $"Node {node.NodeId} is not to hold a replica of {_partition}.");
        }

        var lease = await replicas.AcquireAsync(
            _partition, topic.Id, defaults.ConfigOf(topic.Overrides), office?.LeaderEpoch ?? -1, CancellationToken.None);
        if (office is not null || lease.Log.FencedEpoch >= 0) return lease;
        // It was deleted here, or its disk was wiped, and nobody can say which leaders are over: it would listen to any of them.
        await lease.DisposeAsync();
        throw new OrleansLogException(
            ErrorCode.KafkaStorageError,
            $"The replica of {_partition} on node {node.NodeId} is new, and cannot be opened while the metadata store is away.");
    }

    // The office knows; the topic only until there is one, or when it cannot be read.
    private bool IsReplica(TopicDescription topic, PartitionOffice? office) => office is { LeaderEpoch: >= 0, Replicas.Length: > 0 }
        ? office.Replicas.Contains(node.NodeId)
        : _partition.Partition < topic.Partitions.Count
            && topic.Partitions[_partition.Partition].Replicas.Contains(node.NodeId);

    private async Task LeaveFailedAsync(ReplicaLease failed)
    {
        var offline = failed.Log.Offline!;
        _failedAt ??= time.GetTimestamp();
        if (time.GetElapsedTime(_failedAt.Value) < RetryAfterFailure)
            throw new OrleansLogException(offline.Error, offline.Message, offline);
        _failedAt = null;
        LogReopening(_partition, offline.Message);
        await _opened.CloseCurrentAsync();
    }

    private Task CloseAsync() => _opened.CloseAsync();

    private async Task RefuseWhileItBelongsHere()
    {
        if (Failover.RehearsalTopic.Is(_partition.Topic)) return;
        try
        {
            var topic = await topics.GetAsync(_partition.Topic);
            if (!IsReplica(topic, await offices.ReadAsync(_partition))) return;
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
        {
            return;
        }

        throw new OrleansLogException(
            ErrorCode.InvalidRequest, $"The replica of {_partition} on node {node.NodeId} is in use and cannot be deleted.");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition} is opened anew after a failure of its disk: {Reason}")]
    private partial void LogReopening(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition} is opened while the metadata store is away: {Reason}")]
    private partial void LogStoreAway(TopicPartition partition, string reason);
}
