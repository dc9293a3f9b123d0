using System.Collections.Concurrent;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

public sealed partial class PartitionLog
{
    private const long ProgressBytes = 32 * 1024 * 1024;

    // So many rounds of at most so many bytes each, one after the other, and zeros are written ahead of the log.
    private const int SmallFlushes = 8, SmallFlushBytes = 32 * 1024;

    // Taken before the append lock where both are.
    private readonly Lock _flushLock = new();

    // Closed segments whose last bytes and indexes are not durable yet.
    private readonly ConcurrentQueue<LogSegment> _unsealed = new();
    private readonly ConcurrentQueue<PendingSnapshot> _pendingSnapshots = new();
    private volatile bool _directoryDirty;
    private bool _flushFailed;
    private readonly int _zeroAheadBytes;
    private bool _hasSmallFlushes;
    private int _smallFlushes;
    private long _flushedBytes;
    private long _appendedBytes;
    private long _persistedBytes;

    private readonly record struct PendingSnapshot(long Offset, byte[] Content, int Truncations);

    /// <summary>
    /// Completes when all records before <paramref name="nextOffset"/> are durable: when an fsync that began after they were
    /// written has returned. All who wait at one time share one fsync. Continuations run on the thread pool.
    /// </summary>
    /// <param name="nextOffset">At most <see cref="LogEndOffset"/>; see <see cref="LogAppendResult.NextOffset"/>.</param>
    /// <param name="ct">Ends the wait, not the flush.</param>
    /// <exception cref="OrleansLogException">The log went offline or was closed, or the records were truncated away.</exception>
    public ValueTask WhenFlushedAsync(long nextOffset, CancellationToken ct = default) => WaitForFlush(nextOffset, goesOnAnywhere: false, ct);

    /// <summary>
    /// Completes when an append may be acknowledged as far as this log is concerned: as <see cref="WhenFlushedAsync"/> when
    /// <c>flush.messages</c> is 1, otherwise at once, since the topic then asks for fsyncs by count and time only.
    /// </summary>
    /// <exception cref="OrleansLogException">As for <see cref="WhenFlushedAsync"/>.</exception>
    public ValueTask WhenDurableAsync(long nextOffset, CancellationToken ct = default) => WaitForDurability(nextOffset, goesOnAnywhere: false, ct);

    /// <summary>The same; with <paramref name="goesOnAnywhere"/>, who waits may go on on the thread that flushed, and must not hold it up.</summary>
    internal ValueTask WaitForDurability(long nextOffset, bool goesOnAnywhere, CancellationToken ct)
    {
        if (Config.FlushesEveryAppend) return WaitForFlush(nextOffset, goesOnAnywhere, ct);
        return Offline is { } failure ? ValueTask.FromException(OfflineError(failure)) : ValueTask.CompletedTask;
    }

    /// <summary>
    /// Makes the records before <paramref name="nextOffset"/> durable on the caller's thread, where the topic wants that of every
    /// append; false when another thread is about to, or the disk failed: <see cref="WhenDurableAsync"/> tells.
    /// </summary>
    internal bool TryFlushHere(long nextOffset) => !Config.FlushesEveryAppend || _flush.TryRunHere(nextOffset);

    /// <summary>
    /// Whether an fsync failed: what the page cache shows beyond <see cref="FlushedOffset"/> may then not be on disk, for good.
    /// </summary>
    internal bool FlushFailed => Volatile.Read(ref _flushFailed);

    /// <summary>
    /// Writes the active segment's indexes and a snapshot of the producers if much was appended since the last time, so that
    /// a recovery begins close to the recovery point that is about to be written. A log whose active file somebody deleted goes
    /// offline: what is written to it would be gone with the process.
    /// </summary>
    internal void PersistProgress()
    {
        if (Offline is not null || Volatile.Read(ref _closed)) return;
        var segment = Volatile.Read(ref _segments)[^1];
        if (IsFileMissing(segment))
        {
            GoOffline(new OrleansLogException(ErrorCode.KafkaStorageError, $"'{segment.LogPath}', which it writes to, was deleted."));
            return;
        }

        var appended = Volatile.Read(ref _appendedBytes);
        if (appended - _persistedBytes < ProgressBytes || !segment.TryAcquire()) return;
        try
        {
            segment.PersistIndexes();
            PendingSnapshot snapshot;
            lock (_appendLock) snapshot = SnapshotAt(_logEndOffset);
            // A flush round may be writing the snapshot of the same offset.
            lock (_flushLock) WriteSnapshot(snapshot);
            _persistedBytes = appended;
        }
        finally
        {
            segment.Release();
        }
    }

    private ValueTask WaitForFlush(long nextOffset, bool goesOnAnywhere, CancellationToken ct)
    {
        if (FlushedOffset >= nextOffset) return ValueTask.CompletedTask;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nextOffset, LogEndOffset);
        return _flush.WaitAsync(nextOffset, goesOnAnywhere, ct);
    }

    private void ScheduleFlush(LogConfig config)
    {
        if (LogEndOffset - FlushedOffset >= config.FlushMessages) _flush.Request();
        else if (config.FlushMs < long.MaxValue) _flush.RequestAfter(config.FlushMs);
    }

    // One round of group commit, on a flush thread. False after a failure, which everybody has been told of by then.
    private bool FlushFiles()
    {
        try
        {
            // Two rounds at once would each believe that the other's half of the segments is durable.
            lock (_flushLock) return FlushAll();
        }
#pragma warning disable CA1031 // whatever it is, nothing may be acknowledged after it
        catch (Exception failure)
#pragma warning restore CA1031
        {
            Volatile.Write(ref _flushFailed, true);
            GoOffline(StorageErrors.Wrap(failure, $"Making the log of {Partition} durable failed"));
            return false;
        }
    }

    private bool FlushAll()
    {
        while (!Volatile.Read(ref _closed))
        {
            if (_directoryDirty)
            {
                // Before the fsyncs: whoever makes a file after this sets it again.
                _directoryDirty = false;
                _fileSystem.FlushDirectory(_directory);
            }

            // What is to be flushed is in this segment or in those that were closed before it was looked up; one that is closed
            // from now on is this one.
            var active = Volatile.Read(ref _segments)[^1];
            while (_unsealed.TryDequeue(out var closed)) FlushClosed(closed);
            while (_pendingSnapshots.TryDequeue(out var snapshot)) WriteSnapshot(snapshot);
            var appended = Volatile.Read(ref _appendedBytes);
            var durable = new DurableEnd(active, active.SizeInBytes, Volatile.Read(ref _truncations));
            if (!TryFlush(active)) continue;
            _durable = durable;
            NoteRound(appended);
            _owner.OnFlushed(this);
            return true;
        }

        return false;
    }

    private void NoteRound(long appended)
    {
        var bytes = appended - _flushedBytes;
        _flushedBytes = appended;
        if (bytes == 0) return;
        _smallFlushes = bytes <= SmallFlushBytes ? _smallFlushes + 1 : 0;
        Volatile.Write(ref _hasSmallFlushes, _smallFlushes >= SmallFlushes);
    }

    private void FlushClosed(LogSegment segment)
    {
        // It may have been deleted since, or be the active one again after a truncation.
        if (!segment.TryAcquire()) return;
        try
        {
            lock (_appendLock)
            {
                if (segment.IsRetired || ReferenceEquals(segment, Active)) return;
                segment.CompleteIndexes();
            }

            segment.File.Flush();
            segment.PersistIndexes();
            lock (_appendLock)
                if (!ReferenceEquals(segment, Active)) segment.ReleaseIndexes();
        }
        finally
        {
            segment.Release();
        }

        _openFiles.Touch(segment);
    }

    // False when the segment was removed by a truncation just now (or the log was closed).
    private static bool TryFlush(LogSegment segment)
    {
        if (!segment.TryAcquire()) return false;
        try
        {
            if (segment.IsRetired) return false;
            segment.File.Flush();
            return true;
        }
        finally
        {
            segment.Release();
        }
    }

    private PendingSnapshot SnapshotAt(long offset)
    {
        _producers.RemoveExpired(NowMs);
        return new PendingSnapshot(offset, _producers.Snapshot(), Volatile.Read(ref _truncations));
    }

    private void TakeSnapshot(long offset)
    {
        if (offset > _snapshotOffset) WriteSnapshot(SnapshotAt(offset));
    }

    private void WriteSnapshot(in PendingSnapshot snapshot)
    {
        _fileSystem.WriteAllBytesDurably(SnapshotPath(snapshot.Offset), snapshot.Content);
        lock (_appendLock)
        {
            if (snapshot.Truncations != _truncations)
            {
                // It may tell of records that were truncated since, at offsets that will be others' by and by.
                _fileSystem.DeleteFile(SnapshotPath(snapshot.Offset));
                _fileSystem.FlushDirectory(_directory);
                return;
            }

            var previous = _snapshotOffset;
            _snapshotOffset = Math.Max(previous, snapshot.Offset);
            // Only those at the beginnings of segments serve again, when the log is truncated.
            if (previous < snapshot.Offset && !IsSegmentStart(previous)) _fileSystem.DeleteFile(SnapshotPath(previous));
        }
    }

    private bool IsSegmentStart(long offset)
    {
        var segments = Volatile.Read(ref _segments);
        return segments[FloorOf(segments, offset)].BaseOffset == offset;
    }

    private string SnapshotPath(long offset) => LogFileNames.PathOf(_directory, offset, LogFileNames.Snapshot);
}
