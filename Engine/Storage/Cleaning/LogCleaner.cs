using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Compacts the logs of a data directory, one at a time and the dirtiest first, and remembers in
/// <c>cleaner-offset-checkpoint</c> how far each has come. Losing that file costs a pass and nothing else.
/// Thread-safe; passes run one after the other, on their callers' threads.
/// </summary>
internal sealed class LogCleaner
{
    /// <summary>Name of the checkpoint file, in the data directory.</summary>
    public const string CheckpointFileName = "cleaner-offset-checkpoint";

    private readonly IFileSystem _fileSystem;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly LogCleanerOptions _options;
    private readonly OffsetCheckpointFile _file;
    private readonly Lock _pass = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<TopicPartition, long> _checkpoints;
    private readonly Dictionary<TopicPartition, DateTimeOffset> _leftAloneUntil = [];

    public LogCleaner(
        IFileSystem fileSystem, string dataDirectory, TimeProvider time, ILogger logger, LogCleanerOptions? options = null)
    {
        _fileSystem = fileSystem;
        _time = time;
        _logger = logger;
        _options = options ?? LogCleanerOptions.Default;
        _file = new OffsetCheckpointFile(fileSystem, Path.Combine(dataDirectory, CheckpointFileName));
        _checkpoints = _file.Read(out var problem);
        if (problem is not null) logger.LogWarning("{Problem}", problem);
    }

    /// <summary>Compacts whatever is due, again and again with a rest in between, until cancelled.</summary>
    /// <param name="logs">Answers the logs that are open.</param>
    /// <param name="cancellationToken">Ends it, within a batch.</param>
    public async Task RunAsync(Func<IReadOnlyCollection<PartitionLog>> logs, CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_options.Backoff, _time, cancellationToken).ConfigureAwait(false);
                await Task.Run(() => CleanDue(logs(), cancellationToken), cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Asked to end.
        }
    }

    /// <summary>
    /// Compacts all that is due now, the dirtiest first. A log that fails is reported to the logger and left alone for a while.
    /// </summary>
    public IReadOnlyList<CompactionReport> CleanDue(IReadOnlyCollection<PartitionLog> logs, CancellationToken cancellationToken = default)
    {
        var reports = new List<CompactionReport>();
        lock (_pass)
        {
            while (FindDirtiest(logs) is { } plan)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (TryClean(plan, cancellationToken) is { } report) reports.Add(report);
            }
        }

        return reports;
    }

    /// <summary>Compacts what can be compacted of a log now, whatever its dirty ratio; null when nothing can.</summary>
    /// <exception cref="OrleansLogException">See <see cref="SegmentCompactor.Run"/>.</exception>
    public CompactionReport? Clean(PartitionLog log, CancellationToken cancellationToken = default)
    {
        lock (_pass) return PlanOf(log) is { } plan ? Clean(plan, cancellationToken) : null;
    }

    /// <summary>Where the last pass over a partition ended; null when there was none.</summary>
    public long? CheckpointOf(TopicPartition partition)
    {
        lock (_gate) return _checkpoints.TryGetValue(partition, out var offset) ? offset : null;
    }

    /// <summary>Forgets a partition that was deleted.</summary>
    /// <exception cref="IOException">The checkpoint could not be written.</exception>
    public void Forget(TopicPartition partition)
    {
        lock (_gate)
        {
            _leftAloneUntil.Remove(partition);
            if (_checkpoints.Remove(partition)) _file.Write(_checkpoints);
        }
    }

    private CompactionPlan? FindDirtiest(IReadOnlyCollection<PartitionLog> logs)
    {
        CompactionPlan? dirtiest = null;
        var now = _time.GetUtcNow();
        foreach (var log in logs)
        {
            if (!log.Config.IsCompacted || log.Offline is not null || IsLeftAlone(log.Partition, now)) continue;
            try
            {
                if (PlanOf(log) is { IsDue: true } plan && (dirtiest is null || plan.DirtyRatio > dirtiest.DirtyRatio)) dirtiest = plan;
            }
            catch (OrleansLogException failure)
            {
                LeaveAlone(log, failure);
            }
        }

        return dirtiest;
    }

    // What is not durable is not committed; and a log is flushed when it rolls, so this keeps nothing back for long.
    private CompactionPlan? PlanOf(PartitionLog log) =>
        CompactionPlan.For(log, log.CleanableOffset, CheckpointOf(log.Partition), _time.GetUtcNow().ToUnixTimeMilliseconds());

    private CompactionReport? TryClean(CompactionPlan plan, CancellationToken cancellationToken)
    {
        try
        {
            return Clean(plan, cancellationToken);
        }
#pragma warning disable CA1031 // whatever is wrong with one log, the others are to be compacted
        catch (Exception failure) when (failure is not OperationCanceledException)
#pragma warning restore CA1031
        {
            LeaveAlone(plan.Log, failure);
            return null;
        }
    }

    private CompactionReport Clean(CompactionPlan plan, CancellationToken cancellationToken)
    {
        using var compactor = new SegmentCompactor(plan, _fileSystem, _time.GetUtcNow().ToUnixTimeMilliseconds(), _options);
        var report = compactor.Run(cancellationToken);
        lock (_gate)
        {
            _checkpoints[report.Partition] = report.EndOffset;
            _file.Write(_checkpoints);
        }

        if (!_logger.IsEnabled(LogLevel.Information)) return report;
        _logger.LogInformation(
            "Compacted {Partition} up to offset {EndOffset}: {Removed} records removed, {Kept} kept, {Before} to {After} bytes",
            report.Partition, report.EndOffset, report.RemovedRecords, report.KeptRecords, report.BytesBefore, report.BytesAfter);
        return report;
    }

    private void LeaveAlone(PartitionLog log, Exception failure)
    {
        _logger.LogWarning(failure, "{Partition} could not be compacted; the next attempt is in {Backoff}", log.Partition, _options.FailureBackoff);
        lock (_gate) _leftAloneUntil[log.Partition] = _time.GetUtcNow() + _options.FailureBackoff;
    }

    private bool IsLeftAlone(TopicPartition partition, DateTimeOffset now)
    {
        lock (_gate)
        {
            if (!_leftAloneUntil.TryGetValue(partition, out var until)) return false;
            if (now < until) return true;
            _leftAloneUntil.Remove(partition);
            return false;
        }
    }
}
