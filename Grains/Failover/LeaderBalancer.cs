using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Moves leaderships in good order: all of them away before this silo stops, and each back to its preferred replica, the first
/// of the partition's list, once that is in sync again. One loop and one timer for the silo; one move after the other while it
/// runs.
/// </summary>
internal sealed partial class LeaderBalancer(
    NodeReplicas replicas,
    NodeDirectory nodes,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<LeaderBalancer> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int ParallelAtStop = 16;
    private static readonly TimeSpan CallPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(20);

    private readonly PeriodicWork _work = new(time);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(LeaderBalancer),
        LogStage.Leaderships,
        _ => _work.StartAsync(options.Value.LeaderRebalanceInterval, RunAsync, LogFailed),
        async cancellation =>
        {
            await _work.StopAsync();
            await HandAllOverAsync(cancellation);
        });

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Gives leaderships to the preferred replicas that run and are in sync; returns how many.</summary>
    public async Task<int> BalanceAsync(CancellationToken cancellationToken)
    {
        var moved = 0;
        foreach (var leader in replicas.Leaders)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var state = leader.State;
            var preferred = state.Replicas[0];
            // With replicas eligible nothing is committed, which a hand-over would wait for.
            if (leader.IsClosed || preferred == nodes.OwnId || !state.Isr.Contains(preferred) || state.Eligible.Count > 0
                || !nodes.Current.ActiveIds.Contains(preferred)) continue;
            if (await TryMoveAsync(leader, preferred, cancellationToken)) moved++;
        }

        return moved;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var moved = await BalanceAsync(cancellationToken);
        if (moved > 0) LogBalanced(moved);
    }

    private async Task HandAllOverAsync(CancellationToken cancellationToken)
    {
        var leaders = replicas.Leaders.Where(leader => !leader.IsClosed && leader.State.Isr.Count > 1).ToArray();
        if (leaders.Length == 0) return;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(StopPatience);
        var moved = 0;
        try
        {
            await Parallel.ForEachAsync(
                leaders,
                new ParallelOptions { MaxDegreeOfParallelism = ParallelAtStop, CancellationToken = limit.Token },
                async (leader, cancellation) =>
                {
                    if (await TryMoveAsync(leader, null, cancellation)) Interlocked.Increment(ref moved);
                });
        }
        catch (OperationCanceledException)
        {
            // The rest fails over when this node is gone.
        }

        LogHandedOver(moved, leaders.Length);
    }

    private async Task<bool> TryMoveAsync(PartitionLeader leader, int? successor, CancellationToken cancellationToken)
    {
        var partition = leader.Log.Partition;
        try
        {
            var grain = grains.GetPartition(partition);
            var now = await grain.HandOver(successor).WaitAsync(CallPatience, time, cancellationToken);
            if (now == nodes.OwnId) return false;
            // So that nobody who calls has to wait for it to open.
            await grain.Lead().WaitAsync(CallPatience, time, cancellationToken);
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            LogNotMoved(partition, e.Message);
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} leaderships were given to the preferred replicas.")]
    private partial void LogBalanced(int count);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Count} of {Total} leaderships were handed over before the silo stops.")]
    private partial void LogHandedOver(int count, int total);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The leadership of {Partition} could not be handed over: {Reason}")]
    private partial void LogNotMoved(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "Leaderships could not be given to the preferred replicas.")]
    private partial void LogFailed(Exception exception);
}
