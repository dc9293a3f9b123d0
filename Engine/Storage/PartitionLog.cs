using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The log of one partition on one node: segments of record batches in Kafka's layout, with all that must survive a crash.
/// <para>Invariants: offsets below <see cref="LogEndOffset"/> are written, those below <see cref="FlushedOffset"/> are durable;
/// FlushedOffset never passes LogEndOffset; an offset never changes its record; no batch is served whose CRC fails. The first
/// failure of the disk takes the log <see cref="Offline"/>, and nothing is acknowledged from then on.</para>
/// <para>Threads: all members may be called from any thread. What changes the log serialises on one lock; reads take none and
/// work on an immutable list of segments, each leased while it is read. Calls do disk I/O on the caller's thread, but only the
/// flush threads call fsync on behalf of appends.</para>
/// </summary>
public sealed partial class PartitionLog
{
    private readonly IFileSystem _fileSystem;
    private readonly string _directory;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ILogOwner _owner;
    private readonly SegmentFileCache _openFiles;
    private readonly Lock _appendLock;
    private readonly LeaderEpochCache _epochs;
    private readonly ProducerStateManager _producers;
    private readonly FlushGate _flush;
    private readonly List<CorruptRegion> _corruptRegions;
    private LogConfig _config;
    private LogSegment[] _segments;
    private long _logStartOffset;
    private long _logEndOffset;
    private long _segmentJitterMs;
    private int _truncations;
    private bool _closed;
    private OrleansLogException? _offline;

    internal PartitionLog(LogEnvironment environment, LoadedLog loaded, LogConfig config)
    {
        _fileSystem = environment.FileSystem;
        _directory = environment.Directory;
        _time = environment.Time;
        _logger = environment.Logger;
        _owner = environment.Owner;
        _openFiles = environment.OpenFiles;
        _zeroAheadBytes = environment.ZeroAheadBytes;
        Partition = environment.Partition;
        TopicId = loaded.TopicId;
        Recovery = loaded.Report;
        _appendLock = loaded.WriterLock;
        _epochs = loaded.Epochs;
        _producers = loaded.Producers;
        _segments = loaded.Segments;
        _logStartOffset = loaded.LogStartOffset;
        _logEndOffset = loaded.LogEndOffset;
        _corruptRegions = [.. loaded.Report.CorruptRegions];
        _config = config;
        _journal = environment.Journal;
        _journalLog = _journal?.LogOf(Partition, TopicId);
        _flush = new FlushGate(environment.Flushes, () => LogEndOffset, FlushFiles, this);
        _flush.Reset(loaded.LogEndOffset);
        _directoryDirty = loaded.DirectoryDirty;
        _snapshotOffset = loaded.SnapshotOffset;
        LoadReplica(loaded.Report);
        _durable = new DurableEnd(Active, Active.SizeInBytes, _truncations);
        DrawJitter();
    }

    /// <summary>The partition.</summary>
    public TopicPartition Partition { get; }

    /// <summary>Id of the topic that the partition was made for.</summary>
    public Guid TopicId { get; }

    /// <summary>The configuration in force.</summary>
    public LogConfig Config => Volatile.Read(ref _config);

    /// <summary>The directory that holds the log's files.</summary>
    public string DirectoryPath => _directory;

    /// <summary>The first offset that may be read.</summary>
    public long LogStartOffset => Volatile.Read(ref _logStartOffset);

    /// <summary>The offset that the next record will get.</summary>
    public long LogEndOffset => Volatile.Read(ref _logEndOffset);

    /// <summary>The offset after the last record that is durable.</summary>
    public long FlushedOffset => _flush.FlushedOffset;

    /// <summary>The latest leader epoch under which something was appended; -1 for none.</summary>
    public int LatestEpoch => _epochs.LatestEpoch;

    /// <summary>Bytes of batches in all segments.</summary>
    public long SizeInBytes => Segments.Sum(segment => (long)segment.SizeInBytes);

    /// <summary>What opening the log found and did.</summary>
    public RecoveryReport Recovery { get; }

    /// <summary>Why the log is offline; null while it works. Reopen it (close, then open) once the cause is gone.</summary>
    public OrleansLogException? Offline => Volatile.Read(ref _offline);

    /// <summary>What is known to be damaged, found at recovery or by reads; none of it is served.</summary>
    public IReadOnlyList<CorruptRegion> CorruptRegions
    {
        get
        {
            lock (_corruptRegions) return [.. _corruptRegions];
        }
    }

    /// <summary>
    /// The segments as they are now, the oldest first and the active one last; never empty. Lease one before reading it.
    /// </summary>
    public IReadOnlyList<LogSegment> Segments => Volatile.Read(ref _segments);

    /// <summary>First offset of the oldest open transaction; -1 when there is none.</summary>
    public long FirstUndecidedOffset
    {
        get
        {
            lock (_appendLock) return _producers.FirstUndecidedOffset;
        }
    }

    internal bool IsClosed => Volatile.Read(ref _closed);

    private LogSegment Active => _segments[^1];

    private long NowMs => _time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Puts another configuration in force; the active segment is judged by it at the next append.</summary>
    public void UpdateConfig(LogConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Volatile.Write(ref _config, config);
        DrawJitter();
    }

    /// <summary>What the log knows of an idempotent producer; null when it knows nothing.</summary>
    public ProducerSummary? FindProducer(long producerId)
    {
        lock (_appendLock) return _producers.Find(producerId);
    }

    /// <summary>Forgets idempotent producers that were idle for longer than the expiration time.</summary>
    public void RemoveExpiredProducers()
    {
        lock (_appendLock) _producers.RemoveExpired(NowMs);
    }

    /// <summary>
    /// Where the records of a leader epoch end: what a follower needs in order to truncate to the point of divergence.
    /// </summary>
    public EpochEnd EndOffsetForEpoch(int epoch) => _epochs.EndOf(epoch, LogEndOffset);

    /// <summary>
    /// Notes, durably, that an epoch begins at the offset; one that is not above the latest changes nothing.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.KafkaStorageError"/>.</exception>
    public void AssignEpochStart(int epoch, long startOffset)
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            BeginEpoch(epoch, startOffset);
        }
    }

    /// <summary>Notes, durably, that an epoch begins where the log ends now; one that is not above the latest changes nothing.</summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.KafkaStorageError"/>.</exception>
    internal void BeginEpochAtEnd(int epoch)
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            BeginEpoch(epoch, _logEndOffset);
        }
    }

    /// <summary>
    /// Closes the log. Clean: everything is flushed, the indexes are written and a snapshot of the producers is taken, so that
    /// the next start need not scan. Answers the recovery point: what is durable.
    /// </summary>
    internal long Close(bool clean)
    {
        lock (_flushLock)
        lock (_appendLock)
        {
            if (_closed) return FlushedOffset;
            if (clean && Offline is null)
            {
                CleanUpForClose();
                if (FlushFiles()) _flush.Reset(LogEndOffset);
                TrySealActive();
            }

            Volatile.Write(ref _closed, true);
        }

        _flush.Fail(Closed());
        foreach (var segment in _segments) segment.Close();
        return FlushedOffset;
    }

    private void CleanUpForClose()
    {
        try
        {
            TakeSnapshot(LogEndOffset);
            Active.ReleaseReserve();
        }
        catch (IOException failure)
        {
            GoOffline(StorageErrors.Wrap(failure, $"Closing the log of {Partition} failed"));
        }
    }

    private void TrySealActive()
    {
        if (Offline is not null) return;
        try
        {
            Active.SealIndexes();
        }
        catch (IOException failure)
        {
            // The next start makes them anew.
            _logger.LogWarning(failure, "The indexes of {Segment} could not be written.", Active.LogPath);
        }
    }

    /// <summary>Refuses everything from now on.</summary>
    private OrleansLogException GoOffline(OrleansLogException failure)
    {
        var first = Interlocked.CompareExchange(ref _offline, failure, null) is null;
        if (first)
        {
            _logger.LogError(failure, "The log of {Partition} goes offline at offset {Offset}.", Partition, LogEndOffset);
            _flush.Fail(OfflineError(failure));
        }

        return OfflineError(_offline!);
    }

    private OrleansLogException OfflineError(OrleansLogException cause) => new(
        ErrorCode.KafkaStorageError, $"The log of {Partition} is offline: {cause.Message}", cause);

    private OrleansLogException Closed() =>
        new(ErrorCode.NotLeaderOrFollower, $"The log of {Partition} is closed on this node.");

    private void ThrowIfUnusable()
    {
        if (Offline is { } failure) throw OfflineError(failure);
        if (Volatile.Read(ref _closed)) throw Closed();
    }

    private void Guarded(string what, Action action)
    {
        try
        {
            action();
        }
        catch (IOException failure)
        {
            throw GoOffline(StorageErrors.Wrap(failure, $"{what} of {Partition} failed"));
        }
    }

    private void DrawJitter()
    {
        var most = Math.Min(Config.SegmentJitterMs, Config.SegmentMs);
        // Spreads the rolls of partitions that were made together.
#pragma warning disable CA5394 // not a secret
        Volatile.Write(ref _segmentJitterMs, most > 0 ? Random.Shared.NextInt64(most) : 0);
#pragma warning restore CA5394
    }
}
