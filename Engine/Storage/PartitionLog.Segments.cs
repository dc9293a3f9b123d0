using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

public sealed partial class PartitionLog
{
    /// <summary>
    /// Closes the active segment and starts another, unless it is empty. Retention and compaction leave the active one alone.
    /// </summary>
    /// <exception cref="OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    public void Roll()
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            if (Active.SizeInBytes > 0) Guarded("Starting a segment", () => Roll(_logEndOffset, NowMs));
        }
    }

    /// <summary>
    /// Deletes segments from the oldest on, as long as they end at or before <paramref name="upToOffset"/> and
    /// <paramref name="shouldDelete"/> (which is given a leased segment and the one after it, null for the active one) says so; the
    /// active segment is closed first when it is to go too. The start offset rises to the first segment kept. Answers how many
    /// were deleted.
    /// </summary>
    /// <exception cref="OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    public int DeleteOldSegments(long upToOffset, Func<LogSegment, LogSegment?, bool> shouldDelete)
    {
        ArgumentNullException.ThrowIfNull(shouldDelete);
        var count = CountDeletable(upToOffset, shouldDelete, out var first);
        if (count == 0) return 0;
        LogSegment[] removed;
        lock (_appendLock)
        {
            ThrowIfUnusable();
            // Somebody else may have deleted meanwhile.
            if (!ReferenceEquals(_segments[0], first)) return 0;
            if (count == _segments.Length)
            {
                // Appended to since it was judged: then it is too young to go.
                if (upToOffset < _logEndOffset) count--;
                else Guarded("Starting a segment", () => Roll(_logEndOffset, NowMs));
            }

            removed = _segments[..count];
            Volatile.Write(ref _segments, _segments[count..]);
            RaiseLogStart(_segments[0].BaseOffset);
        }

        DeleteFiles(removed);
        return removed.Length;
    }

    /// <summary>
    /// Removes all records before the offset from sight, durably, and deletes the segments that hold nothing else. Answers the new
    /// <see cref="LogStartOffset"/>, which never falls.
    /// </summary>
    /// <exception cref="OrleansLogException">The offset lies outside the log (<see cref="ErrorCode.OffsetOutOfRange"/>), the log is
    /// offline or closed, or the disk failed just now.</exception>
    public long DeleteRecordsBefore(long offset)
    {
        LogSegment[] removed;
        lock (_appendLock)
        {
            ThrowIfUnusable();
            if (offset < 0 || offset > _logEndOffset)
            {
                throw new OrleansLogException(
                    ErrorCode.OffsetOutOfRange,
                    $"Records of {Partition} cannot be deleted up to offset {offset}: the log goes from {_logStartOffset} to {_logEndOffset}.");
            }

            if (offset <= _logStartOffset) return _logStartOffset;
            if (offset == _logEndOffset && Active.SizeInBytes > 0) Guarded("Starting a segment", () => Roll(_logEndOffset, NowMs));
            RaiseLogStart(offset);
            var count = 0;
            while (count + 1 < _segments.Length && _segments[count + 1].BaseOffset <= offset) count++;
            removed = _segments[..count];
            Volatile.Write(ref _segments, _segments[count..]);
        }

        Guarded("Writing the checkpoints", () => _owner.WriteCheckpoints(this));
        DeleteFiles(removed);
        return offset;
    }

    /// <summary>Begins the segment that compaction makes of <paramref name="sources"/>, beside the log.</summary>
    internal LogSegment BeginReplacement(IReadOnlyList<LogSegment> sources) =>
        LogSegment.CreateCleaned(_fileSystem, _directory, sources[0].BaseOffset, sources[0].CreatedAtMs, _appendLock);

    /// <summary>
    /// Puts a cleaned segment in the place of several neighbouring ones that it was made from. The active segment is not among
    /// them. Its file must be complete and flushed; it takes its place here, crash-safely: until the rename to <c>.swap</c> the old
    /// segments count, from then on the new one does, whatever happens. Readers see either the ones or the other.
    /// </summary>
    /// <exception cref="OrleansLogException">The sources are no longer neighbours in the log
    /// (<see cref="ErrorCode.InvalidRequest"/>), the log is offline or closed, or the disk failed just now.</exception>
    internal void ReplaceSegments(IReadOnlyList<LogSegment> sources, LogSegment replacement)
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            var at = Array.IndexOf(_segments, sources[0]);
            if (at < 0 || at + sources.Count >= _segments.Length || !sources.SequenceEqual(_segments.Skip(at).Take(sources.Count)))
                throw new OrleansLogException(ErrorCode.InvalidRequest, $"The segments of {Partition} changed while they were cleaned.");
            Guarded("Replacing cleaned segments", () => OutsideJournal(() => Swap(sources, replacement, at)));
        }
    }

    private void Swap(IReadOnlyList<LogSegment> sources, LogSegment replacement, int at)
    {
        SegmentSwap.Commit(_fileSystem, _directory, replacement.BaseOffset);
        replacement.LimitOffset = _segments[at + sources.Count].BaseOffset;
        // Readers find it from here on: its file stays open, whatever its name, and its indexes are in memory.
        replacement.TryAcquire();
        try
        {
            Volatile.Write(ref _segments, [.. _segments.AsSpan(0, at), replacement, .. _segments.AsSpan(at + sources.Count)]);
            foreach (var source in sources) source.Retire(deleteFiles: true);
            SegmentSwap.Finish(_fileSystem, _directory, replacement.BaseOffset);
            replacement.SealIndexes();
        }
        finally
        {
            replacement.Release();
        }
    }

    private int CountDeletable(long upToOffset, Func<LogSegment, LogSegment?, bool> shouldDelete, out LogSegment? first)
    {
        var segments = Volatile.Read(ref _segments);
        first = segments[0];
        var count = 0;
        for (; count < segments.Length; count++)
        {
            var isActive = count == segments.Length - 1;
            var end = isActive ? LogEndOffset : segments[count + 1].BaseOffset;
            if (end > upToOffset || (isActive && segments[count].SizeInBytes == 0) || !segments[count].TryAcquire()) break;
            try
            {
                if (!shouldDelete(segments[count], isActive ? null : segments[count + 1])) break;
            }
            finally
            {
                segments[count].Release();
                _openFiles.Touch(segments[count]);
            }
        }

        return count;
    }

    private bool MustRoll(in RecordBatchHeader header, int pendingBytes, LogConfig config, long nowMs)
    {
        var segment = Active;
        var size = (long)segment.SizeInBytes + pendingBytes;
        if (size == 0) return header.LastOffset - segment.BaseOffset > int.MaxValue;
        if (size + header.SizeInBytes > config.SegmentBytes || header.LastOffset - segment.BaseOffset > int.MaxValue
            || segment.AreIndexesFull(config.SegmentIndexBytes))
            return true;
        var age = (header.MaxTimestamp >= 0 ? header.MaxTimestamp : nowMs) - segment.AgeBaseMs();
        return age > config.SegmentMs - _segmentJitterMs;
    }

    private void Roll(long baseOffset, long nowMs)
    {
        var old = Active;
        if (old.BaseOffset == baseOffset)
        {
            throw new OrleansLogException(
                ErrorCode.RecordListTooLarge, $"The batch spans more offsets than the segment at {baseOffset} of {Partition} can hold.");
        }

        // What the producers' state was at this point; the flush threads write it, as a snapshot is of use only once it is durable.
        _pendingSnapshots.Enqueue(SnapshotAt(baseOffset));
        old.ReleaseReserve();
        var segment = LogSegment.Create(_fileSystem, _directory, baseOffset, nowMs, _appendLock);
        old.LimitOffset = baseOffset;
        _unsealed.Enqueue(old);
        _directoryDirty = true;
        Volatile.Write(ref _segments, [.. _segments, segment]);
        DrawJitter();
        _flush.Request();
    }

    private void RaiseLogStart(long offset)
    {
        if (offset <= _logStartOffset) return;
        Volatile.Write(ref _logStartOffset, offset);
        Guarded("Writing the leader epochs", () => _epochs.TruncateFromStart(offset));
    }

    private void DeleteFiles(LogSegment[] segments)
    {
        // The oldest first: whatever is left after a crash is a log without gaps.
        foreach (var segment in segments)
        {
            Guarded("Deleting segments", () =>
            {
                segment.Retire(deleteFiles: true);
                _fileSystem.DeleteFile(LogFileNames.PathOf(_directory, segment.BaseOffset, LogFileNames.Snapshot));
            });
        }

        // With the next fsync a crash does not bring them back; one that ran meanwhile may have come too early for that.
        if (segments.Length > 0) _directoryDirty = true;
    }
}
