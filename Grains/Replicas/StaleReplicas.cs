using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Finds folders of partitions whose replica was moved elsewhere while this node could not be told, and deletes them: after the
/// start, and then now and then. A folder goes only if the store says, of the very topic it belongs to, that other nodes hold
/// the replicas; one of which nothing is known stays. One loop and one timer for the silo.
/// </summary>
internal sealed partial class StaleReplicas(
    LogHost host,
    NodeReplicas replicas,
    NodeDirectory nodes,
    StoredOffices offices,
    LocalNode node,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<StaleReplicas> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int MaxPerRound = 1_000;
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(10);
    private readonly PeriodicWork _work = new(time);
    private TopicPartition? _last;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(StaleReplicas),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.RetentionCheckInterval, CheckAsync, LogFailed, FirstLook),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Makes one round; returns how many replicas were deleted.</summary>
    public async Task<int> CheckAsync(CancellationToken cancellationToken)
    {
        // A node that was always alone holds everything.
        if (nodes.Current.Nodes.Count < 2) return 0;
        var deleted = 0;
        foreach (var partition in host.PartitionsAfter(_last).Take(MaxPerRound))
        {
            cancellationToken.ThrowIfCancellationRequested();
            _last = partition;
            if (replicas.FindLeader(partition) is null && await IsStaleAsync(partition) && await TryDeleteAsync(partition)) deleted++;
        }

        return deleted;
    }

    private async Task<bool> IsStaleAsync(TopicPartition partition)
    {
        var office = await offices.ReadAsync(partition);
        return office.LeaderEpoch >= 0 && office.Replicas.Length > 0 && !office.Replicas.Contains(node.NodeId)
            && host.Manager.ReadTopicId(partition) == office.TopicId;
    }

    private async Task<bool> TryDeleteAsync(TopicPartition partition)
    {
        try
        {
            // It looks once more whether that is so, with nobody else at the replica.
            await grains.GetReplica(partition, node.NodeId).Delete();
            LogDeleted(partition);
            return true;
        }
        catch (OrleansLogException e)
        {
            LogNotDeleted(partition, e.Message);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The replica of {Partition} was deleted here: other nodes hold its replicas now.")]
    private partial void LogDeleted(TopicPartition partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The replica of {Partition}, which is none any more, could not be deleted: {Reason}")]
    private partial void LogNotDeleted(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The look for replicas that were moved away failed; the next one is in its turn.")]
    private partial void LogFailed(Exception exception);
}
