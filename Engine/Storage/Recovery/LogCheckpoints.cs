using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Up to where each log is durable and where it starts, in memory and in the files <c>recovery-point-offset-checkpoint</c> and
/// <c>log-start-offset-checkpoint</c>. The files follow flushes after an interval, on a timer that runs only while there is
/// something to write; a recovery point never goes into the file before the flush that it tells of. Thread-safe.
/// </summary>
internal sealed class LogCheckpoints : ILogOwner
{
    private readonly OffsetCheckpointFile _recoveryFile;
    private readonly OffsetCheckpointFile _startFile;
    private readonly Dictionary<TopicPartition, long> _recoveryPoints;
    private readonly Dictionary<TopicPartition, long> _startOffsets;
    private readonly TimeSpan _interval;
    private readonly ILogger _logger;
    private readonly Func<IEnumerable<PartitionLog>> _openLogs;
    private readonly ITimer _timer;
    private readonly Lock _writing = new();
    private int _isArmed;
    private bool _stopped;

    public LogCheckpoints(
        IFileSystem fileSystem, string dataDirectory, TimeSpan interval, TimeProvider time, ILogger logger,
        Func<IEnumerable<PartitionLog>> openLogs)
    {
        _recoveryFile = new OffsetCheckpointFile(fileSystem, Path.Combine(dataDirectory, "recovery-point-offset-checkpoint"));
        _startFile = new OffsetCheckpointFile(fileSystem, Path.Combine(dataDirectory, "log-start-offset-checkpoint"));
        _interval = interval;
        _logger = logger;
        _openLogs = openLogs;
        _recoveryPoints = Read(_recoveryFile);
        _startOffsets = Read(_startFile);
        _timer = time.CreateTimer(_ => OnTimer(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>What is known of a log that is about to be opened.</summary>
    public LogLoadHints HintsFor(TopicPartition partition, Guid topicId, bool cleanShutdown)
    {
        lock (_writing)
        {
            return new LogLoadHints(
                topicId,
                _recoveryPoints.TryGetValue(partition, out var recoveryPoint) ? recoveryPoint : null,
                _startOffsets.TryGetValue(partition, out var startOffset) ? startOffset : null,
                cleanShutdown);
        }
    }

    /// <summary>Keeps what a log that was closed has come to.</summary>
    public void Remember(PartitionLog log, long recoveryPoint)
    {
        lock (_writing) Note(log, recoveryPoint);
        Arm();
    }

    /// <summary>Forgets a log that was deleted, durably: another of its name begins afresh.</summary>
    public void Forget(TopicPartition partition)
    {
        lock (_writing)
            if (_recoveryPoints.Remove(partition) | _startOffsets.Remove(partition)) WriteFiles();
    }

    /// <summary>Writes both files from what the open logs say now; nothing after <see cref="Stop"/>, when the directory may be another's.</summary>
    public void Write()
    {
        var logs = _openLogs().ToList();
        foreach (var log in logs) log.PersistProgress();
        lock (_writing)
        {
            if (_stopped) return;
            // One that was closed meanwhile has said its last word, or is deleted.
            foreach (var log in logs)
                if (!log.IsClosed) Note(log, log.FlushedOffset);
            WriteFiles();
        }
    }

    /// <summary>Writes both files with what one log says now.</summary>
    public void Write(PartitionLog log)
    {
        lock (_writing)
        {
            Note(log, log.FlushedOffset);
            WriteFiles();
        }
    }

    /// <summary>Writes both files a last time.</summary>
    public void Stop()
    {
        _timer.Dispose();
        lock (_writing)
        {
            _stopped = true;
            WriteFiles();
        }
    }

    void ILogOwner.WriteCheckpoints(PartitionLog log) => Write(log);

    void ILogOwner.OnFlushed(PartitionLog log) => Arm();

    private void Note(PartitionLog log, long recoveryPoint)
    {
        _recoveryPoints[log.Partition] = recoveryPoint;
        // Without an entry a log starts with its first segment.
        if (log.LogStartOffset > log.Segments[0].BaseOffset) _startOffsets[log.Partition] = log.LogStartOffset;
        else _startOffsets.Remove(log.Partition);
    }

    private void WriteFiles()
    {
        _startFile.Write(_startOffsets);
        _recoveryFile.Write(_recoveryPoints);
    }

    private void Arm()
    {
        if (Interlocked.Exchange(ref _isArmed, 1) == 0) _timer.Change(_interval, Timeout.InfiniteTimeSpan);
    }

    private void OnTimer()
    {
        Interlocked.Exchange(ref _isArmed, 0);
        try
        {
            Write();
        }
        catch (Exception failure) when (failure is IOException or OrleansLogException)
        {
            // Stale checkpoints cost the next start some reading, nothing else; the next flush arms the timer again.
            _logger.LogError(failure, "The checkpoints could not be written.");
        }
    }

    private Dictionary<TopicPartition, long> Read(OffsetCheckpointFile file)
    {
        var offsets = file.Read(out var problem);
        if (problem is not null) _logger.LogWarning("{Problem}", problem);
        return offsets;
    }
}
