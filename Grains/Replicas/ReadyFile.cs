using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Hosting;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Keeps a file for whoever restarts silos one after the other: it is there once every replica that this node holds is in sync, so
/// that taking the next silo away leaves no partition with one replica fewer than before; and until this silo stops. A replica that
/// is only being moved here is not waited for, nor one that falls behind later: that is no reason to send clients elsewhere.
/// </summary>
internal sealed partial class ReadyFile(
    LogHost host,
    LaggingReplicas replicas,
    LocalNode node,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<ReadyFile> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly PeriodicWork _work = new(time);
    private TopicPartition? _before;
    private bool _isReady;

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
        if (_isReady) return;
        // Those behind the one that was not in sync the last time come after it.
        foreach (var partition in host.PartitionsAfter(_before))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (await replicas.IsLaggingAsync(partition))
            {
                LogLagging(partition);
                await replicas.AskAsync(partition, cancellationToken);
                return;
            }

            _before = partition;
        }

        await File.WriteAllTextAsync(FilePath!, node.NodeId.ToString(CultureInfo.InvariantCulture) + "\n", cancellationToken);
        _isReady = true;
        LogReady(FilePath!);
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
