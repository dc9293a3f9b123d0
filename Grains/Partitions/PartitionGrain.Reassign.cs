using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// What follows from a change of the replicas: the leader sees to it by itself that they are filled up and taken away; here the
/// office is handed over where the leader goes, the folders of those that went are deleted, and the topic is told.
/// </summary>
internal sealed partial class PartitionGrain
{
    private static readonly TimeSpan CallPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan HandOverPause = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public async Task Reassign(IReadOnlyList<int>? replicas)
    {
        var open = await OpenAsync();
        await open.Leader.ReassignAsync(replicas);
    }

    private static bool Agrees(TopicDescription topic, TopicPartition partition, PartitionState state) =>
        topic.Partitions[partition.Partition].Replicas.SequenceEqual(state.Replicas);

    // For as long as the partition is led here. What goes wrong is logged.
    private async Task WatchReplicasAsync(OpenPartition open)
    {
        try
        {
            var leader = open.Leader;
            var seen = open.FirstState;
            // What the leader before this one may not have come to.
            if (seen.IsReassigning) _ = TellTopicAsync();
            while (!leader.IsClosed)
            {
                var now = leader.State;
                OnReplicasChanged(seen, now);
                seen = now;
                if (leader.FindHeir() is { } heir) await GiveWayAsync(heir);
                else await leader.NextChange(seen.Version);
            }
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogWatchFailed(e, _partition);
        }
    }

    private void OnReplicasChanged(PartitionState before, PartitionState now)
    {
        if (now.Replicas.SequenceEqual(before.Replicas) && now.IsReassigning == before.IsReassigning) return;
        LogReplicas(_partition, string.Join(", ", now.Replicas), now.IsReassigning ? string.Join(", ", now.Target) : "these");
        _ = TellTopicAsync();
        foreach (var gone in before.Replicas.Except(now.Replicas)) _ = DeleteReplicaAsync(gone);
    }

    private async Task GiveWayAsync(int heir)
    {
        try
        {
            if (await HandOver(heir) == node.NodeId)
            {
                await Task.Delay(HandOverPause, time);
                return;
            }

            await GrainFactory.GetPartition(_partition).Lead().WaitAsync(CallPatience, time);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogNotHandedOver(_partition, heir, e.Message);
            await Task.Delay(HandOverPause, time);
        }
    }

    private async Task TellTopicAsync()
    {
        try
        {
            await GrainFactory.GetTopic(_partition.Topic).NoteReplicas(_partition.Partition).WaitAsync(CallPatience, time);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It looks by itself when it is asked what is being moved, and is told again when the partition is next opened.
            LogTopicNotTold(_partition, e.Message);
        }
    }

    private async Task DeleteReplicaAsync(int nodeId)
    {
        try
        {
            await GrainFactory.GetReplica(_partition, nodeId).Delete().WaitAsync(CallPatience, time);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Its node finds out by itself (ReplicaKeeper).
            LogNotDeleted(_partition, nodeId, e.Message);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The replicas of {Partition} are {Replicas}, and are to be {Target}.")]
    private partial void LogReplicas(TopicPartition partition, string replicas, string target);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} is being moved and could not be handed over to node {Heir} yet: {Reason}")]
    private partial void LogNotHandedOver(TopicPartition partition, int heir, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The topic of {Partition} could not be told of its replicas yet: {Reason}")]
    private partial void LogTopicNotTold(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition} on node {Node}, which is none any more, could not be deleted yet: {Reason}")]
    private partial void LogNotDeleted(TopicPartition partition, int node, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The replicas of {Partition} are not looked after until it is opened anew.")]
    private partial void LogWatchFailed(Exception exception, TopicPartition partition);
}
