using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Hosting;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Keeps a file for whoever restarts silos one after the other: it is there once every replica that is to be on this node is in sync,
/// so that taking the next silo away leaves no partition with one replica fewer than before; and until this silo stops. A replica
/// that is only being moved here is not waited for, nor one that falls behind later: that is no reason to send clients elsewhere.
/// </summary>
internal sealed partial class ReadyFile(
    OwnPartitions partitions,
    ReplicaStandings standings,
    ReplicaKeeper keeper,
    LocalNode node,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<ReadyFile> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly PeriodicWork _work = new(time);
    private Queue<TopicPartition>? _waiting;

    private string? FilePath => options.Value.ReadyFile;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer)
    {
        if (string.IsNullOrEmpty(FilePath)) return;
        observer.Subscribe(nameof(ReadyFile), LogStage.DataDirectory, cancellation => Task.Run(Delete, cancellation), static _ => Task.CompletedTask);
        // Above all others: it goes before anything else stops.
        observer.Subscribe(
            nameof(ReadyFile),
            ServiceLifecycleStage.Active + 2,
            _ => _work.StartAsync(Interval, CheckAsync, LogFailed, first: TimeSpan.Zero),
            async _ =>
            {
                await _work.StopAsync();
                Delete();
            });
    }

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        _waiting ??= await ListAsync(cancellationToken);
        while (_waiting is { Count: > 0 })
        {
            cancellationToken.ThrowIfCancellationRequested();
            var partition = _waiting.Peek();
            if (await standings.FindAsync(partition) == ReplicaStanding.Lagging)
            {
                LogLagging(partition);
                await keeper.TryAskAsync(partition, cancellationToken);
                return;
            }

            _waiting.Dequeue();
        }

        if (_waiting is null) return;
        await File.WriteAllTextAsync(FilePath!, node.NodeId.ToString(CultureInfo.InvariantCulture) + "\n", cancellationToken);
        LogReady(FilePath!);
        _work.Finish();
    }

    /// <summary>What is to be in sync; null while not all topics can be asked.</summary>
    private async Task<Queue<TopicPartition>?> ListAsync(CancellationToken cancellationToken)
    {
        var (own, isComplete) = await partitions.ListAsync(cancellationToken);
        return isComplete ? new Queue<TopicPartition>(own) : null;
    }

    private void Delete()
    {
        try
        {
            File.Delete(FilePath!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidConfig,
                $"{OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.ReadyFile)} is '{FilePath}', which cannot be used: {e.Message}",
                e);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "All replicas of this node are in sync: '{Path}' says so.")]
    private partial void LogReady(string path);

    [LoggerMessage(Level = LogLevel.Debug, Message = "{Partition} is not in sync yet.")]
    private partial void LogLagging(TopicPartition partition);

    [LoggerMessage(Level = LogLevel.Warning, Message = "It could not be found out whether all replicas are in sync; the next look is in its turn.")]
    private partial void LogFailed(Exception exception);
}
