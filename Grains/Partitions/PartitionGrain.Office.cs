using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>Taking office, losing it and handing it over.</summary>
internal sealed partial class PartitionGrain
{
    /// <summary>How long a log that the disk failed is left alone.</summary>
    internal static readonly TimeSpan RetryAfterFailure = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan HandOverPatience = TimeSpan.FromSeconds(5);
    private Storage.Opened<OpenPartition> _opened = null!;
    private long? _failedAt;
    private bool _isStale;

    /// <inheritdoc/>
    public async Task<int> Lead() => (await OpenAsync()).Leader.State.Leader;

    /// <inheritdoc/>
    public async Task<int> HandOver(int? successor)
    {
        var own = node.NodeId;
        if (_opened.Current is not { Leader.IsClosed: false } open || successor == own) return _office.Value.Leader;
        // While the store is away nobody else can take office: then this leader is not to refuse anything in vain.
        await offices.ReadAsync(_partition);
        var chosen = await open.Leader.ResignAsync(successor, HandOverPatience);
        try
        {
            await _office.UpdateAsync(before =>
                before.LeaderEpoch == open.Leader.State.LeaderEpoch
                && LeaderElection.HandOver(before.ToState(), chosen, stopping.IsLeaving, open.Log.Config.MinInsyncReplicas) is { } next
                    ? before.With(next)
                    : before);
        }
        catch (Orleans.Storage.InconsistentStateException e)
        {
            // Somebody else took office, or changed it: what the store says now tells.
            _isStale = true;
            open.Leader.Close();
            throw new OrleansLogException(
                ErrorCode.NotLeaderOrFollower, $"The office of {_partition} was changed by somebody else while it was to be handed over.", e);
        }
        catch
        {
            // The store failed just now, and may have carried it out all the same. Who takes office then raises the epoch, and this leader
            // commits nothing any more; until then it goes on, as leaders do while the store is away.
            _isStale = true;
            open.Leader.Resume();
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
    public async Task LookAt(int nodeId) => (await OpenAsync()).Leader.NoteNodeUp(nodeId);

    /// <summary>The open partition, opened if need be; all who come while it is being opened share the one attempt.</summary>
    /// <exception cref="OrleansLogException">See <see cref="PartitionOpener.OpenAsync"/>.</exception>
    private ValueTask<OpenPartition> OpenAsync() =>
        _opened.Current is { } open && open.Log.Offline is null && !open.Leader.IsClosed ? new(open) : new(OpenSlowlyAsync());

    private async Task<OpenPartition> OpenSlowlyAsync()
    {
        if (_isDeleted) throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"{_partition} has been deleted.");
        if (_opened.Current is { } failed) await LeaveFailedAsync(failed);
        try
        {
            var (open, isFirst) = await _opened.OpenAsync();
            if (isFirst)
            {
                _ = WatchAsync(open); // logs what goes wrong, as the next ones do
                _ = WatchReplicasAsync(open);
                if (open.IsFromMemory) _ = CatchUpWithTopicAsync(open);
                else if (!Agrees(open.Topic, _partition, open.FirstState)) _ = TellTopicAsync();
            }

            return open;
        }
        catch (Exception e)
        {
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

    /// <summary>Asks the topic for what may have changed since this node last heard of it.</summary>
    private async Task CatchUpWithTopicAsync(OpenPartition open)
    {
        try
        {
            var topic = await topics.GetAsync(_partition.Topic);
            if (!ReferenceEquals(_opened.Current, open)) return;
            open.Log.UpdateConfig(defaults.ConfigOf(topic.Overrides));
            open.Leader.NoteConfigChanged();
            if (!Agrees(topic, _partition, open.Leader.State)) await TellTopicAsync();
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
        {
            // It is being deleted, and this partition with it.
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogTopicNotAsked(_partition, e.Message);
        }
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
            if (end.Reason == LeaderEndReason.Closed || !ReferenceEquals(_opened.Current, open)) return;
            LogEnded(_partition, end.Message);
            var successor = -1;
            if (end.Reason is LeaderEndReason.Damaged or LeaderEndReason.Offline && open.Leader.State.Replicas.Count > 1)
                successor = await opener.GiveUpAsync(_partition, _office);
            if (end.Reason == LeaderEndReason.Fenced) hints.Forget(_partition);
            else if (successor < 0) return; // the next call tries again here
            if (ReferenceEquals(_opened.Current, open)) await CloseAsync();
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
            await _opened.CloseCurrentAsync();
            return;
        }

        _failedAt ??= time.GetTimestamp();
        if (time.GetElapsedTime(_failedAt.Value) < RetryAfterFailure)
            throw new OrleansLogException(offline.Error, offline.Message, offline);
        _failedAt = null;
        LogReopening(_partition, offline.Message);
        await _opened.CloseCurrentAsync();
    }

    private Task CloseAsync() => _opened.CloseAsync();

    [LoggerMessage(Level = LogLevel.Information, Message = "{Partition} was handed over by node {Node} to node {Successor}.")]
    private partial void LogHandedOver(TopicPartition partition, int node, int successor);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} is led by the configuration last heard of: {Reason}")]
    private partial void LogTopicNotAsked(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Partition} is led here no more: {Reason}")]
    private partial void LogEnded(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The office of {Partition} ended, and could not be passed on yet.")]
    private partial void LogEndFailed(Exception exception, TopicPartition partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} is opened anew after a failure of its disk: {Reason}")]
    private partial void LogReopening(TopicPartition partition, string reason);
}
