using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Brings the replicas of this node back into the ISR of partitions that nobody uses. A leader does so by itself while it is open; one
/// that nobody calls is not, and its partition would stay without the replicas that were away when it was last open, until the
/// only disk that is in sync is lost. Soon after the start, and then now and then, this node asks the leader of each partition
/// that does without it to look at it. One loop and one timer for the silo.
/// </summary>
internal sealed partial class LaggingReplicas(
    LogHost host,
    StoredOffices offices,
    NodeDirectory nodes,
    LocalNode node,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<LaggingReplicas> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int MaxPerRound = 1_000;
    private const int Parallelism = 16;
    private static readonly TimeSpan FirstLook = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly PeriodicWork _work = new(time);
    private TopicPartition? _last;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(LaggingReplicas),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.RetentionCheckInterval, CheckAsync, LogFailed, FirstLook),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Makes one round; returns how many leaders were asked.</summary>
    public async Task<int> CheckAsync(CancellationToken cancellationToken)
    {
        // A node that was always alone is the leader of everything.
        if (nodes.Current.Nodes.Count < 2) return 0;
        var asked = 0;
        foreach (var some in host.PartitionsAfter(_last).Take(MaxPerRound).Chunk(Parallelism))
        {
            cancellationToken.ThrowIfCancellationRequested();
            asked += (await Task.WhenAll(some.Select(partition => AskAsync(partition, cancellationToken)))).Count(static was => was);
            _last = some[^1];
        }

        if (asked > 0) LogAsked(asked);
        return asked;
    }

    /// <summary>
    /// Whether this node holds a replica of the partition that is not in sync. One that is only being moved here does not count.
    /// </summary>
    public async Task<bool> IsLaggingAsync(TopicPartition partition)
    {
        var office = await offices.ReadAsync(partition);
        var replicas = office.TargetReplicas.Length > 0 ? office.FormerReplicas : office.Replicas;
        return replicas.Contains(node.NodeId) && !office.InSyncReplicas.Contains(node.NodeId);
    }

    /// <summary>Asks the leader to look at this node, if it does without its replica; answers whether it was asked.</summary>
    public async Task<bool> AskAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        try
        {
            if (!await IsLaggingAsync(partition)) return false;
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

    [LoggerMessage(Level = LogLevel.Information, Message = "The leaders of {Count} partitions were asked to take this node's replicas back.")]
    private partial void LogAsked(int count);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Partition} does without this node's replica, and its leader could not be asked: {Reason}")]
    private partial void LogNotAsked(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The look for replicas that are not in sync failed; the next one is in its turn.")]
    private partial void LogFailed(Exception exception);
}
