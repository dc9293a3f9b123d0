using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Checks the part of a log that is not known to be durable, from the batch that the recovery point lies in to the end: each
/// CRC, each offset. What follows the last valid batch was never acknowledged as durable, and is cut off. Damage below the
/// recovery point is another thing: those records were acknowledged, so nothing is cut and no offset is given out again; the
/// region is reported and refused to readers, and the log goes on behind it.
/// </summary>
internal sealed class LogRecovery(
    List<LogSegment> segments, LogConfig config, long? knownRecoveryPoint, List<string> rebuilt, Action flushDirectory)
{
    private readonly long _recoveryPoint = knownRecoveryPoint ?? 0;
    private readonly List<CorruptRegion> _regions = [];
    private long _bytesScanned;
    private long _bytesCut;
    private string? _cutReason;
    private int _scanned;

    /// <summary>The offset that the next record gets.</summary>
    public long LogEndOffset { get; private set; }

    /// <summary>Whether the last segment ends in damage that must stay, so that nothing may be appended to it.</summary>
    public bool NeedsNewSegment { get; private set; }

    /// <summary>What was found; to be completed with what else is known.</summary>
    public RecoveryReport Report => new()
    {
        RecoveryPoint = _recoveryPoint,
        SegmentsScanned = _scanned,
        BytesScanned = _bytesScanned,
        BytesCut = _bytesCut,
        CutReason = _cutReason,
        CorruptRegions = _regions,
    };

    /// <summary>Checks, cuts and leaves the last segment ready for appends.</summary>
    public void Run()
    {
        var first = segments.FindLastIndex(segment => segment.BaseOffset <= _recoveryPoint);
        if (first < 0) first = 0;
        LogEndOffset = segments[first].BaseOffset;
        for (var i = first; i < segments.Count; i++)
        {
            if (i > first && !ContinuesAt(segments[i])) break;
            var isLast = i == segments.Count - 1;
            if (Scan(segments[i], i == first, isLast) && !isLast) segments[i].SealIndexes();
        }
    }

    // False when what followed the segment was removed, and it is the last one now.
    private bool Scan(LogSegment segment, bool isFirst, bool isLast)
    {
        var start = isFirst ? Resume(segment) : 0;
        if (start == 0) segment.BeginRebuild();
        _scanned++;
        var isCut = false;
        var isLastNow = false;
        // The base offset of the resumed batch is the index's word; a batch at the start of a segment is bounded by its name.
        var expected = start == 0 ? segment.BaseOffset : 0;
        LogEndOffset = Math.Max(LogEndOffset, segment.BaseOffset);
        using (var walker = new SegmentWalker(segment.File, start, segment.SizeInBytes, expected, segment.LimitOffset, verifyCrc: true))
        {
            while (!isCut && walker.MoveNext())
            {
                if (!walker.IsDamage && IsStrayOffset(walker, isLast) && LogEndOffset < _recoveryPoint && walker.Position > start
                    && !IsBehindDamage(walker))
                {
                    KeepStray(segment, walker);
                }
                else if (!walker.IsDamage && (!IsStrayOffset(walker, isLast) || LogEndOffset < _recoveryPoint))
                {
                    segment.Note(walker.Header, (int)walker.Position, config.IndexIntervalBytes);
                    LogEndOffset = walker.ExpectedOffset;
                }
                else if (walker.IsDamage && walker.FirstOffset < _recoveryPoint && !IsPadding(walker))
                {
                    Keep(segment, walker, isLast);
                }
                else
                {
                    isLastNow = !Cut(segment, walker);
                    isCut = true;
                }
            }
        }

        _bytesScanned += segment.SizeInBytes - start;
        if (start == 0) segment.EndRebuild();
        // The bytes may be in the page cache only, and from now on they count as durable.
        if (isCut || LogEndOffset > _recoveryPoint) segment.File.Flush();
        return !isLastNow;
    }

    // Position from which the indexes of the segment can be believed and continued; 0 when they must be made anew.
    private int Resume(LogSegment segment)
    {
        var size = segment.SizeInBytes;
        if (size == 0) return 0;
        if (!segment.Offsets.TryOpenForAppend(size) || !segment.Times.TryOpenForAppend(size))
        {
            rebuilt.Add(segment.Offsets.FilePath);
            return 0;
        }

        segment.Offsets.TryGet(size, out var offsets);
        segment.Times.TryGet(size, out var times);
        var count = OffsetIndex.CountUpTo(offsets, _recoveryPoint - 1 - segment.BaseOffset);
        if (count == 0) return 0;
        var entry = offsets[count - 1];
        var timeCount = 0;
        while (timeCount < times.Length && times[timeCount].RelativeOffset <= entry.RelativeOffset) timeCount++;
        if (!PointsAtBatch(segment, entry) || (timeCount > 0 && !SegmentTimes.IsTrue(segment, times[timeCount - 1])))
        {
            rebuilt.Add(segment.Offsets.FilePath);
            return 0;
        }

        var largest = timeCount == 0 ? TimestampOffset.None
            : new TimestampOffset(times[timeCount - 1].TimestampMs, segment.BaseOffset + times[timeCount - 1].RelativeOffset);
        // The entry itself comes back with its batch, which is noted again.
        segment.Offsets.TruncateToCount(count - 1);
        segment.Times.TruncateToCount(timeCount);
        segment.ResumeNoting(largest, bytesSinceIndexEntry: int.MaxValue / 2);
        return entry.Position;
    }

    private static bool PointsAtBatch(LogSegment segment, in OffsetIndexEntry entry)
    {
        using var scanner = new BatchScanner(segment.File, entry.Position, segment.SizeInBytes, verifyCrc: true);
        return scanner.MoveNext() && scanner.Header.LastOffset == segment.BaseOffset + entry.RelativeOffset;
    }

    // Closed segments are flushed later than the next one is made, so a power loss may leave a gap between the two. Offsets of a log
    // that is not compacted are dense: what stands behind the gap was never acknowledged. In a log that came from elsewhere,
    // without a recovery point, a gap may have another reason; there only an empty segment goes.
    private bool ContinuesAt(LogSegment next)
    {
        if (next.BaseOffset <= LogEndOffset || config.IsCompacted || (knownRecoveryPoint is null && next.SizeInBytes > 0)) return true;
        if (LogEndOffset < _recoveryPoint)
        {
            var previous = segments[segments.IndexOf(next) - 1];
            _regions.Add(new CorruptRegion(
                previous.LogPath, previous.SizeInBytes, 0, LogEndOffset, next.BaseOffset, "the end of the segment is missing"));
            return true;
        }

        _cutReason = FormattableString.Invariant(
            $"'{Path.GetFileName(next.LogPath)}' begins beyond offset {LogEndOffset}, where the segment before it ends");
        var last = segments[segments.IndexOf(next) - 1];
        RemoveBehind(last);
        // It was closed, and is the one to be appended to now.
        if (!last.Offsets.IsOpen) SegmentIndexer.Rebuild(last, long.MaxValue, config.IndexIntervalBytes, seal: false);
        return false;
    }

    private bool IsDense => !config.IsCompacted && knownRecoveryPoint is not null;

    // The base offset of the very last batch has no neighbour that could contradict it. A log that is not compacted has no gaps.
    private bool IsStrayOffset(SegmentWalker walker, bool isLast) =>
        isLast && IsDense && walker.NextPosition == walker.EndPosition
        && walker.Position > 0 && walker.FirstOffset > LogEndOffset;

    // The batch before it is damaged, and the offset is the one that follows it.
    private bool IsBehindDamage(SegmentWalker walker) => _regions.Count > 0 && _regions[^1].NextOffset >= walker.FirstOffset;

    // It was acknowledged, so its offsets are not given out again.
    private void KeepStray(LogSegment segment, SegmentWalker walker)
    {
        var next = Math.Min(_recoveryPoint, LogEndOffset + walker.Header.LastOffsetDelta + 1L);
        _regions.Add(new CorruptRegion(
            segment.LogPath, walker.Position, walker.NextPosition - walker.Position, LogEndOffset, next,
            FormattableString.Invariant($"a batch that claims offset {walker.FirstOffset}")));
        LogEndOffset = next;
        NeedsNewSegment = true;
    }

    // Zeros behind the last flushed record are room that was reserved and never used.
    private bool IsPadding(SegmentWalker walker) =>
        walker.IsTail && walker.Fault == BatchFault.Zeros && walker.FirstOffset >= _recoveryPoint;

    private void Keep(LogSegment segment, SegmentWalker walker, bool isLast)
    {
        var region = walker.Describe(segment.LogPath);
        if (walker.IsTail)
        {
            region = region with { NextOffset = isLast ? EndBehind(walker) : segment.LimitOffset };
            LogEndOffset = Math.Max(LogEndOffset, region.NextOffset);
            NeedsNewSegment |= isLast;
        }

        _regions.Add(region);
    }

    // A recovery point is a text in a file: it is believed no further than the damaged bytes can have held records.
    private long EndBehind(SegmentWalker walker) => Math.Min(
        _recoveryPoint, walker.FirstOffset + Math.Max(walker.NextPosition - walker.Position, RecordBatchHeader.Size));

    // False when the segment is the last one now.
    private bool Cut(LogSegment segment, SegmentWalker walker)
    {
        var bytes = segment.SizeInBytes - walker.Position;
        _bytesCut += bytes;
        _cutReason = FormattableString.Invariant(
            $"{(walker.IsDamage ? walker.Fault : BatchFault.BadOffset).Describe()} at {walker.Position} of '{Path.GetFileName(segment.LogPath)}'");
        // Room that was reserved in a segment before it was closed is no reason to doubt the next one.
        var isReserve = walker.IsTail && walker.Fault == BatchFault.Zeros && segment.LimitOffset == LogEndOffset;
        if (!isReserve) RemoveBehind(segment);
        segment.CutTo((int)walker.Position);
        return isReserve;
    }

    // The newest first, and for good before the cut: one that came back after another crash would stand behind a gap.
    private void RemoveBehind(LogSegment last)
    {
        last.LimitOffset = long.MaxValue;
        if (segments[^1] == last) return;
        for (; segments[^1] != last; segments.RemoveAt(segments.Count - 1))
        {
            _bytesCut += segments[^1].SizeInBytes;
            segments[^1].Retire(deleteFiles: true);
        }

        flushDirectory();
    }
}
