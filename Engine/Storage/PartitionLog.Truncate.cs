using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

public sealed partial class PartitionLog
{
    private long _snapshotOffset;

    /// <summary>
    /// Removes all records from the offset on (the batch that holds it goes as a whole), as a follower does before it takes the
    /// leader's. Who waits for a flush is told. Nothing happens when the log ends at or before the offset.
    /// </summary>
    /// <exception cref="OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    public void TruncateTo(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        lock (_appendLock)
        {
            ThrowIfUnusable();
            if (offset >= _logEndOffset) return;
            Guarded("Truncating the log", () => OutsideJournal(() =>
            {
                if (offset < _segments[0].BaseOffset) RestartAt(offset);
                else CutWithin(FloorOf(_segments, offset), offset);
            }));
        }

        // Before anything is appended that a recovery point left too high would pass for durable.
        Guarded("Writing the checkpoints", () => _owner.WriteCheckpoints(this));
    }

    /// <summary>Removes everything; the log is empty then and goes on at the offset.</summary>
    /// <exception cref="OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    public void TruncateFullyAndStartAt(long offset)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        lock (_appendLock)
        {
            ThrowIfUnusable();
            Guarded("Truncating the log", () => OutsideJournal(() => RestartAt(offset)));
        }

        Guarded("Writing the checkpoints", () => _owner.WriteCheckpoints(this));
    }

    private void CutWithin(int keep, long offset)
    {
        var segment = _segments[keep];
        segment.TryAcquire();
        try
        {
            CutWithin(segment, keep, offset);
        }
        finally
        {
            segment.Release();
        }
    }

    private void CutWithin(LogSegment segment, int keep, long offset)
    {
        var isMissing = !_fileSystem.FileExists(segment.LogPath);
        var (cutAt, endOffset) = isMissing ? (0, segment.BaseOffset) : FindCut(segment, offset);
        Interlocked.Increment(ref _truncations);
        Volatile.Write(ref _logEndOffset, endOffset);
        if (_logStartOffset > endOffset) Volatile.Write(ref _logStartOffset, endOffset);
        var removed = _segments[(keep + 1)..];
        Volatile.Write(ref _segments, _segments[..(keep + 1)]);
        _flush.Truncate(endOffset);
        RetireDurably(removed);
        if (isMissing) segment = Renew(keep);
        segment.LimitOffset = long.MaxValue;
        segment.CutTo(cutAt);
        segment.File.Flush();
        SegmentIndexer.Rebuild(segment, long.MaxValue, Config.IndexIntervalBytes, seal: false);
        ForgetAfter(endOffset);
        Interlocked.Increment(ref _truncations);
    }

    // Where the batch that holds the offset starts, and the offset that the log ends with when that batch is gone.
    private static (int Position, long EndOffset) FindCut(LogSegment segment, long offset)
    {
        var location = SegmentSearch.Locate(segment, offset);
        if (location.Damage is { } damage) return ((int)damage.Position, damage.FirstOffset);
        if (location.Position < 0) return (segment.SizeInBytes, offset);
        return (location.Position, Math.Min(offset, location.Header.BaseOffset));
    }

    // A segment whose file somebody deleted may still have it open; what is written to that is nowhere.
    private LogSegment Renew(int index)
    {
        var old = _segments[index];
        old.Retire(deleteFiles: true);
        var fresh = LogSegment.Create(_fileSystem, _directory, old.BaseOffset, NowMs, _appendLock);
        Volatile.Write(ref _segments, [.. _segments.AsSpan(0, index), fresh, .. _segments.AsSpan(index + 1)]);
        return fresh;
    }

    private void RestartAt(long offset)
    {
        Interlocked.Increment(ref _truncations);
        RetireDurably(_segments);
        var first = LogSegment.Create(_fileSystem, _directory, offset, NowMs, _appendLock);
        _fileSystem.FlushDirectory(_directory);
        Volatile.Write(ref _segments, [first]);
        Volatile.Write(ref _logStartOffset, offset);
        Volatile.Write(ref _logEndOffset, offset);
        _flush.Truncate(offset);
        // A log that starts higher than the old one ended has nothing that is not durable, either.
        _flush.Reset(offset);
        _epochs.Clear();
        ForgetAfter(offset);
        _producers.Clear();
        Interlocked.Increment(ref _truncations);
    }

    // The newest first, and for good before anything else: a segment that came back after a crash would stand behind a gap.
    private void RetireDurably(LogSegment[] removed)
    {
        for (var i = removed.Length - 1; i >= 0; i--) removed[i].Retire(deleteFiles: true);
        if (removed.Length > 0) _fileSystem.FlushDirectory(_directory);
    }

    // Epochs, snapshots and producers know nothing of what was cut.
    private void ForgetAfter(long endOffset)
    {
        _epochs.TruncateFromEnd(endOffset);
        ForgetDamageFrom(endOffset);
        _pendingSnapshots.Clear();
        foreach (var path in _fileSystem.ListFiles(_directory))
            if (LogFileNames.TryParse(path, LogFileNames.Snapshot, out var at) && at > endOffset) _fileSystem.DeleteFile(path);
        // One that came back after a crash would tell of other records at the same offsets.
        _fileSystem.FlushDirectory(_directory);
        _snapshotOffset = ProducerStateLoader.Load(
            _producers, _fileSystem, _directory, _segments, LogStartOffset, endOffset, NowMs);
    }
}
