using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Reads the open replicas of this node as a whole from time to time, in search of damage that nobody has come across. A follower
/// that is damaged is taken out of the ISR and repaired by its leader, who is told; a leader gives way to another replica. One
/// thread for the silo while it reads, one log after the other, at a bounded rate.
/// </summary>
internal sealed partial class LogScrubber(
    NodeReplicas replicas,
    NodeDirectory nodes,
    IGrainFactory grains,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<LogScrubber> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly PeriodicWork _work = new(time);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(LogScrubber),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.ScrubInterval, ScrubAsync, LogFailed),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Reads all that is open now; returns how many replicas are damaged.</summary>
    public async Task<int> ScrubAsync(CancellationToken cancellationToken)
    {
        var damaged = 0;
        foreach (var replica in replicas.Open)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!await ScrubAsync(replica, cancellationToken)) damaged++;
        }

        return damaged;
    }

    private async Task<bool> ScrubAsync(PartitionFollower replica, CancellationToken cancellationToken)
    {
        var partition = replica.Log.Partition;
        try
        {
            var leader = replicas.FindLeader(partition);
            var isWhole = await Task.Factory.StartNew(
                () => leader is { IsClosed: false } ? leader.Scrub(Slow, cancellationToken) : replica.Scrub(Slow, cancellationToken),
                cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            if (isWhole) return true;
            LogDamaged(partition, nodes.OwnId, replica.Log.DamagedFrom);
            await grains.GetPartition(partition).LookAt(nodes.OwnId).WaitAsync(Patience, time, cancellationToken);
            return false;
        }
        catch (OrleansLogException e)
        {
            // It was closed meanwhile, or has no leader now; the one to come opens a term with it.
            LogNotScrubbed(partition, e.Message);
            return true;
        }
    }

    // On the thread of the scrub.
    private void Slow(int bytes) => _work.Stopping.WaitHandle.WaitOne(
        TimeSpan.FromSeconds((double)bytes / options.Value.MaxScrubBytesPerSecond));

    [LoggerMessage(Level = LogLevel.Error, Message = "The replica of {Partition} on node {Node} is damaged from offset {Offset} on; it is repaired from another.")]
    private partial void LogDamaged(TopicPartition partition, int node, long offset);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Partition} was not scrubbed to its end: {Reason}")]
    private partial void LogNotScrubbed(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The search for damage failed; the next one is in its turn.")]
    private partial void LogFailed(Exception exception);
}
