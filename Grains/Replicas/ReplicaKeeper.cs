using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Brings this node's replicas in line with what is stored, soon after the start and then now and then, where nobody else does.
/// <para>A replica that is to be here and is not in sync: its leader takes it back by itself while it is open, but one that nobody calls
/// is not, and the partition would stay without this replica until the only disk in sync is lost. So the leader is asked.</para>
/// <para>A folder whose replica was moved elsewhere while this node could not be told: it is deleted, if the store says, of the very
/// topic it belongs to, that other nodes hold the replicas; or if the catalog says that the topic was deleted meanwhile. One of which
/// nothing is known stays.</para>
/// One loop and one timer for the silo.
/// </summary>
internal sealed partial class ReplicaKeeper(
    LogHost host,
    OpenLogs logs,
    OwnPartitions partitions,
    ReplicaStandings standings,
    NodeReplicas replicas,
    NodeDirectory nodes,
    LocalNode node,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<ReplicaKeeper> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int MaxPerRound = 1_000;
    private const int Parallelism = 16;
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly PeriodicWork _work = new(time);
    private TopicPartition? _last;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(ReplicaKeeper),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.RetentionCheckInterval, CheckAsync, LogFailed, FirstLook),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Makes one round; returns how many leaders were asked, and how many folders deleted.</summary>
    public async Task<(int Asked, int Deleted)> CheckAsync(CancellationToken cancellationToken)
    {
        // A node that was always alone is the leader of everything.
        if (nodes.Current.Nodes.Count < 2) return (0, 0);
        var (asked, deleted) = (0, await DeleteLeftoversAsync(cancellationToken));
        var own = await partitions.ListAsync(cancellationToken);
        foreach (var some in PartitionRound.After(own.Partitions, _last).Take(MaxPerRound).Chunk(Parallelism))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var settled = await Task.WhenAll(some.Select(partition => SettleAsync(partition, cancellationToken)));
            asked += settled.Count(static it => it == ReplicaStanding.Lagging);
            deleted += settled.Count(static it => it == ReplicaStanding.Elsewhere);
            _last = some[^1];
        }

        if (asked > 0) LogAsked(asked);
        return (asked, deleted);
    }

    /// <summary>Asks the leader of a partition to look at the replica of this node; answers whether it does.</summary>
    public async Task<bool> TryAskAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        try
        {
            await grains.GetPartition(partition).LookAt(node.NodeId).WaitAsync(Patience, time, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            // It has no leader now, say: the next look is in its turn.
            LogNotAsked(partition, e.Message);
            return false;
        }
    }

    /// <summary>Deletes what is left of topics that were deleted while this node was away: their names may be other topics' by now.</summary>
    private async Task<int> DeleteLeftoversAsync(CancellationToken cancellationToken)
    {
        var deleted = 0;
        foreach (var leftover in await grains.GetCatalog().ListLeftovers(node.NodeId).WaitAsync(Patience, time, cancellationToken))
        {
            try
            {
                deleted += await DeleteAsync(leftover);
                await grains.GetCatalog().ForgetLeftover(leftover).WaitAsync(Patience, time, cancellationToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
            {
                // It stays noted.
                LogLeftoverNotDeleted(leftover.Topic, leftover.TopicId, e.Message);
            }
        }

        return deleted;
    }

    private async Task<int> DeleteAsync(Leftover leftover)
    {
        var deleted = 0;
        foreach (var partition in host.Manager.PartitionsOnDisk.Where(partition => partition.Topic == leftover.Topic))
        {
            if (!await logs.DeleteOfTopicAsync(partition, leftover.TopicId)) continue;
            LogLeftoverDeleted(partition, leftover.TopicId);
            deleted++;
        }

        return deleted;
    }

    /// <summary>Does what is to do; answers what was done. One that fails keeps nobody from the others.</summary>
    private async Task<ReplicaStanding> SettleAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        try
        {
            var standing = await standings.FindAsync(partition);
            var isDone = standing switch
            {
                ReplicaStanding.Lagging => await TryAskAsync(partition, cancellationToken),
                ReplicaStanding.Elsewhere => await TryDeleteAsync(partition, cancellationToken),
                _ => true,
            };
            return isDone ? standing : ReplicaStanding.Settled;
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            LogNotSettled(partition, e.Message);
            return ReplicaStanding.Settled;
        }
    }

    private async Task<bool> TryDeleteAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        if (replicas.FindLeader(partition) is not null) return false;
        // It looks once more whether that is so, with nobody else at the replica.
        await grains.GetReplica(partition, node.NodeId).Delete().WaitAsync(Patience, time, cancellationToken);
        LogDeleted(partition);
        return true;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The leaders of {Count} partitions were asked to take this node's replicas back.")]
    private partial void LogAsked(int count);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Partition} does without this node's replica, and its leader could not be asked: {Reason}")]
    private partial void LogNotAsked(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "The replica of {Partition} was deleted here: other nodes hold its replicas now.")]
    private partial void LogDeleted(TopicPartition partition);

    [LoggerMessage(Level = LogLevel.Information, Message = "The replica of {Partition} was deleted here: its topic, of id {TopicId}, was deleted while this node was away.")]
    private partial void LogLeftoverDeleted(TopicPartition partition, Guid topicId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is left here of the topic '{Topic}', of id {TopicId}, which was deleted, could not be deleted yet: {Reason}")]
    private partial void LogLeftoverNotDeleted(string topic, Guid topicId, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition} on this node could not be looked after; the next look is in its turn: {Reason}")]
    private partial void LogNotSettled(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The look at this node's replicas failed; the next one is in its turn.")]
    private partial void LogFailed(Exception exception);
}
