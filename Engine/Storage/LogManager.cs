using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// All logs of one node: its data directory, which this process holds alone, and the logs in it, each opened with the first use.
/// Keeps recovery points and log start offsets in Kafka's checkpoint files, and marks an orderly stop. Thread-safe; disk I/O runs
/// on the thread pool and the flush threads, never on the caller's thread.
/// </summary>
public sealed partial class LogManager : IAsyncDisposable
{
    private readonly LogManagerOptions _options;
    private readonly IFileSystem _fileSystem;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly DataDirectory _directory;
    private readonly LogCheckpoints _checkpoints;
    private readonly FlushScheduler _flushes;
    private readonly CommitJournal? _journal;
    private readonly SegmentFileCache _openFiles;
    private readonly SemaphoreSlim _opening;
    private readonly bool _cleanShutdown;
    private readonly ConcurrentDictionary<TopicPartition, LogSlot> _slots = new();
    private readonly ConcurrentDictionary<TopicPartition, bool> _onDisk = new();
    private bool _disposed;

    private LogManager(
        LogManagerOptions options, IFileSystem fileSystem, TimeProvider time, ILogger logger, DataDirectory directory)
    {
        _options = options;
        _fileSystem = fileSystem;
        _time = time;
        _logger = logger;
        _directory = directory;
        _cleanShutdown = CleanShutdownMarker.Take(fileSystem, directory.Path);
        _checkpoints = new LogCheckpoints(fileSystem, directory.Path, options.CheckpointInterval, time, logger, () => OpenLogs);
        _flushes = new FlushScheduler(options.FlushThreads, time);
        if (options.CommitJournalBytes > 0) _journal = UseJournal(options.CommitJournalBytes / 2);
        _openFiles = new SegmentFileCache(options.MaxOpenSegmentFiles);
        _opening = new SemaphoreSlim(options.ConcurrentOpens);
        FindPartitions();
        StartBackground();
    }

    /// <summary>Whose data the directory holds.</summary>
    public DataDirectoryIdentity Identity => _directory.Identity;

    /// <summary>Full path of the data directory.</summary>
    public string DataDirectoryPath => _directory.Path;

    /// <summary>Whether the process that had the directory before stopped in an orderly way (or there was none).</summary>
    public bool CleanShutdown => _cleanShutdown;

    /// <summary>The partitions that have a directory, open or not.</summary>
    public IReadOnlyCollection<TopicPartition> PartitionsOnDisk => [.. _onDisk.Keys];

    /// <summary>The logs that are open.</summary>
    public IEnumerable<PartitionLog> OpenLogs
    {
        get
        {
            foreach (var slot in _slots.Values)
                if (slot.Log is { } log) yield return log;
        }
    }

    /// <summary>
    /// Takes the data directory and learns what is in it; no log is opened yet.
    /// </summary>
    /// <exception cref="OrleansLogException">The directory is in use by another process, belongs to another cluster or node, or
    /// cannot be read or written.</exception>
    public static Task<LogManager> OpenAsync(
        LogManagerOptions options, IFileSystem fileSystem, TimeProvider time, ILogger logger, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentNullException.ThrowIfNull(time);
        ArgumentNullException.ThrowIfNull(logger);
        return Task.Run(() => Open(options, fileSystem, time, logger), ct);
    }

    /// <summary>
    /// The log of a partition: the open one, or else the one on disk, which is recovered first, or else a new one.
    /// </summary>
    /// <param name="partition">The partition.</param>
    /// <param name="topicId">Id of its topic; a directory that belongs to another topic of that name is refused. Empty takes
    /// what the directory says.</param>
    /// <param name="config">The configuration; put in force also when the log is open already.</param>
    /// <param name="ct">Ends the wait for other openings; one that has begun is completed.</param>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.InconsistentTopicId"/>, <see cref="ErrorCode.InvalidTopic"/> or
    /// <see cref="ErrorCode.KafkaStorageError"/>.</exception>
    public async ValueTask<PartitionLog> OpenLogAsync(
        TopicPartition partition, Guid topicId, LogConfig config, CancellationToken ct = default)
    {
        ArgumentNullException.ThrowIfNull(config);
        PartitionDirectory.CheckName(partition);
        using var held = await HoldSlotAsync(partition, ct);
        if (held.Slot.Log is { } open)
        {
            if (topicId != Guid.Empty && topicId != open.TopicId) throw PartitionDirectory.Foreign(partition, open.TopicId, topicId);
            open.UpdateConfig(config);
            return open;
        }

        await _opening.WaitAsync(ct);
        try
        {
            var log = await Task.Run(() => Load(partition, topicId, config, held.Slot), CancellationToken.None);
            held.Slot.SuspectFrom = null;
            return held.Slot.Log = log;
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>The partition's log if it is open; null otherwise.</summary>
    public PartitionLog? TryGetLog(TopicPartition partition) => _slots.TryGetValue(partition, out var slot) ? slot.Log : null;

    /// <summary>The id of the topic that the partition's directory belongs to; null when there is none, or that cannot be read.</summary>
    public Guid? ReadTopicId(TopicPartition partition)
    {
        if (TryGetLog(partition) is { } open) return open.TopicId;
        var path = Path.Combine(PartitionDirectory.PathOf(_directory.Path, partition), PartitionMetadataFile.FileName);
        try
        {
            return _fileSystem.FileExists(path) ? PartitionMetadataFile.Parse(_fileSystem.ReadAllBytes(path)) : null;
        }
        catch (IOException)
        {
            // It may have been deleted just now.
            return null;
        }
    }

    /// <summary>
    /// Flushes and closes a partition's log, if it is open; one that is offline is closed as it is. Calls under way on it fail with
    /// <see cref="ErrorCode.NotLeaderOrFollower"/>.
    /// </summary>
    public async ValueTask CloseLogAsync(TopicPartition partition)
    {
        if (!_slots.ContainsKey(partition)) return;
        using var held = await HoldSlotAsync(partition, CancellationToken.None);
        if (held.Slot.Log is not null) await Task.Run(() => Close(held.Slot));
    }

    /// <summary>
    /// Deletes a partition's log from disk, whether it is open or not. It is gone for good once its directory has been renamed; what
    /// a crash leaves over is removed by the next start.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.KafkaStorageError"/>.</exception>
    public async ValueTask DeleteLogAsync(TopicPartition partition)
    {
        PartitionDirectory.CheckName(partition);
        using var held = await HoldSlotAsync(partition, CancellationToken.None);
        await Task.Run(() => Delete(partition, held.Slot));
    }

    /// <summary>Writes recovery points and log start offsets now.</summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.KafkaStorageError"/>.</exception>
    public Task CheckpointAsync(CancellationToken ct = default) => Task.Run(
        () => Wrapped("Writing the checkpoints", () =>
        {
            _checkpoints.Write();
            return true;
        }),
        ct);

    /// <summary>
    /// An orderly stop: flushes and closes every log, writes the checkpoints and the mark of the clean shutdown, and lets go of the
    /// directory.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        await StopBackgroundAsync();
        await Parallel.ForEachAsync(
            _slots.Keys, new ParallelOptions { MaxDegreeOfParallelism = _options.ConcurrentOpens }, async (partition, _) => await CloseLogAsync(partition));
        await Task.Run(Stop);
        _opening.Dispose();
    }

    private static LogManager Open(LogManagerOptions options, IFileSystem fileSystem, TimeProvider time, ILogger logger) =>
        Wrapped($"Opening the data directory '{options.DataDirectory}'", () =>
        {
            var directory = DataDirectory.Open(fileSystem, options.DataDirectory, options.ClusterId, options.NodeId);
            try
            {
                JournalReplay.Run(fileSystem, directory.Path, logger);
                return new LogManager(options, fileSystem, time, logger, directory);
            }
            catch
            {
                directory.Dispose();
                throw;
            }
        });

    private static T Wrapped<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw StorageErrors.Wrap(failure, $"{what} failed");
        }
    }

    private async ValueTask<HeldSlot> HoldSlotAsync(TopicPartition partition, CancellationToken ct)
    {
        var slot = _slots.GetOrAdd(partition, _ => new LogSlot());
        await slot.Gate.WaitAsync(ct);
        return new HeldSlot(slot);
    }

    private PartitionLog Load(TopicPartition partition, Guid topicId, LogConfig config, LogSlot slot) =>
        Wrapped($"Opening the log of {partition}", () =>
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var path = PartitionDirectory.PathOf(_directory.Path, partition);
            if (!_fileSystem.DirectoryExists(path))
            {
                _fileSystem.CreateDirectory(path);
                _fileSystem.FlushDirectory(_directory.Path);
            }

            _onDisk[partition] = true;
            if (_journal?.FindLog(partition) is { } journaled) _journal.Restore(journaled);
            // What this process did to the files since then no orderly stop has made durable.
            var isFirst = !slot.WasOpened;
            slot.WasOpened = true;
            var hints = _checkpoints.HintsFor(partition, topicId, _cleanShutdown && isFirst);
            var environment = new LogEnvironment(partition, path, _fileSystem, _time, _logger, _flushes, _checkpoints)
            {
                OpenFiles = _openFiles, ZeroAheadBytes = _options.ZeroAheadBytes, Journal = _journal,
            };
            var loaded = new LogLoader(environment, config, hints).Load(_options.Producers);
            var log = new PartitionLog(environment, loaded, config);
            if (loaded.Report.HasFindings) _logger.LogWarning("Opened the log of {Partition}: {Report}.", partition, loaded.Report);
            if (loaded.Report.IsNew) _checkpoints.Remember(log, log.FlushedOffset);
            // After a failed fsync the page cache may show what the disk does not have. None of it was acknowledged.
            if (slot.SuspectFrom is { } suspect && suspect < log.LogEndOffset) log.TruncateTo(suspect);
            else if (hints.RecoveryPoint > log.LogEndOffset) _checkpoints.Write(log);
            return log;
        });

    private void Close(LogSlot slot)
    {
        var log = slot.Log!;
        var recoveryPoint = log.Close(clean: true);
        if (log.FlushFailed) slot.SuspectFrom = recoveryPoint;
        // Before it is not to be found any more: nobody syncs its segments now.
        if (log.Offline is not null) _journal?.NoteUnsettled(_journal.LogOf(log.Partition, log.TopicId));
        _checkpoints.Remember(log, recoveryPoint);
        slot.Log = null;
    }

    private void Delete(TopicPartition partition, LogSlot slot) => Wrapped($"Deleting the log of {partition}", () =>
    {
        slot.Log?.Close(clean: false);
        if (_journal?.FindLog(partition) is { } journaled) _journal.Drop(journaled);
        slot.Log = null;
        slot.SuspectFrom = null;
        _onDisk.TryRemove(partition, out _);
        var path = PartitionDirectory.PathOf(_directory.Path, partition);
        if (_fileSystem.DirectoryExists(path))
        {
            var outgoing = PartitionDirectory.OutgoingPathOf(_directory.Path, partition);
            _fileSystem.MoveDirectory(path, outgoing);
            _fileSystem.FlushDirectory(_directory.Path);
            _fileSystem.DeleteDirectory(outgoing);
        }

        _checkpoints.Forget(partition);
        _cleaner!.Forget(partition);
        return true;
    });

    private CommitJournal UseJournal(int fileBytes)
    {
        var journal = new CommitJournal(_fileSystem, _directory.Path, fileBytes, _time, _logger);
        var settling = new JournalSettling(journal, _flushes, TryGetLog, _logger);
        journal.Filled = settling.Request;
        _flushes.UseJournal(journal, settling, _options.CompletesTogether);
        return journal;
    }

    private void FindPartitions()
    {
        foreach (var path in _fileSystem.ListDirectories(_directory.Path))
        {
            var name = Path.GetFileName(path);
            if (name.EndsWith(LogFileNames.DeletedDirectory, StringComparison.Ordinal)) _fileSystem.DeleteDirectory(path);
            else if (TopicPartition.TryParse(name, out var partition)) _onDisk[partition] = true;
        }
    }

    private void Stop()
    {
        _flushes.Dispose();
        _journal?.Dispose();
        try
        {
            _checkpoints.Stop();
            CleanShutdownMarker.Put(_fileSystem, _directory.Path);
        }
        catch (IOException failure)
        {
            // The next start recovers, as after a crash.
            _logger.LogError(failure, "The checkpoints in {Directory} could not be written at the stop.", _directory.Path);
        }
        finally
        {
            _directory.Dispose();
        }
    }

    private sealed class LogSlot
    {
        private PartitionLog? _log;

        public SemaphoreSlim Gate { get; } = new(1);

        public PartitionLog? Log
        {
            get => Volatile.Read(ref _log);
            set => Volatile.Write(ref _log, value);
        }

        // By this process, whether that succeeded or not.
        public bool WasOpened { get; set; }

        // After a failed fsync: the offset beyond which nothing is known to be on disk.
        public long? SuspectFrom { get; set; }
    }

    private readonly struct HeldSlot(LogSlot slot) : IDisposable
    {
        public LogSlot Slot => slot;

        public void Dispose() => slot.Gate.Release();
    }
}
