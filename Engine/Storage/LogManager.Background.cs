using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>Retention and compaction: one loop each for all open logs, and the same on demand.</summary>
public sealed partial class LogManager
{
    private readonly CancellationTokenSource _stopping = new();
    private LogCleaner? _cleaner;
    private Task _retentionLoop = Task.CompletedTask;
    private Task _cleanerLoop = Task.CompletedTask;

    /// <summary>
    /// Deletes the old segments of all open logs, as their configurations ask for; answers how many. A log that fails is reported
    /// to the logger, and the others are seen to. Also runs by itself, see <see cref="LogManagerOptions.RetentionInterval"/>.
    /// </summary>
    public Task<int> ApplyRetentionAsync(CancellationToken ct = default) => Task.Run(() => ApplyRetention(ct), ct);

    /// <summary>
    /// Compacts the open logs that are due for it, the dirtiest first. A log that fails is reported to the logger and left alone for
    /// a while. Also runs by itself, see <see cref="LogManagerOptions.Cleaner"/>.
    /// </summary>
    public Task<IReadOnlyList<CompactionReport>> CleanAsync(CancellationToken ct = default) =>
        Task.Run(() => _cleaner!.CleanDue([.. OpenLogs], ct), ct);

    /// <summary>
    /// Compacts what can be compacted of one log now, however little of it is dirty; null when nothing can, or it is not open.
    /// </summary>
    /// <exception cref="OrleansLogException">A batch is damaged, or the log is offline or was closed meanwhile.</exception>
    public Task<CompactionReport?> CleanLogAsync(TopicPartition partition, CancellationToken ct = default) =>
        Task.Run(() => TryGetLog(partition) is { } log ? _cleaner!.Clean(log, ct) : null, ct);

    private void StartBackground()
    {
        _cleaner = new LogCleaner(_fileSystem, _directory.Path, _time, _logger, _options.Cleaner);
        _cleanerLoop = _cleaner.RunAsync(() => [.. OpenLogs], _stopping.Token);
        _retentionLoop = RunRetentionAsync(_stopping.Token);
    }

    private async ValueTask StopBackgroundAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_retentionLoop, _cleanerLoop);
        _stopping.Dispose();
    }

    private async Task RunRetentionAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.RetentionInterval, _time, ct).ConfigureAwait(false);
                await ApplyRetentionAsync(ct).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // Asked to end.
        }
    }

    private int ApplyRetention(CancellationToken ct)
    {
        var count = 0;
        foreach (var log in OpenLogs)
        {
            ct.ThrowIfCancellationRequested();
            if (log.Offline is not null) continue;
            try
            {
                count += RetentionPolicy.Apply(log, log.CleanableOffset, _time.GetUtcNow().ToUnixTimeMilliseconds());
                log.RemoveExpiredProducers();
            }
            catch (OrleansLogException failure)
            {
                _logger.LogWarning(failure, "Old segments of {Partition} could not be deleted", log.Partition);
            }
        }

        return count;
    }
}
