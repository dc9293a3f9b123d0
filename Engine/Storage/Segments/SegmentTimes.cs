using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Finds records of a segment by time. An entry of the time index is believed only if the batch at its offset has the entry's
/// timestamp; otherwise the indexes are made anew.
/// </summary>
internal static class SegmentTimes
{
    /// <summary>The greatest timestamp of a segment that is not appended to, and an offset of its batch.</summary>
    public static TimestampOffset ReadLargest(LogSegment segment)
    {
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var version = segment.IndexVersion;
            if (segment.SizeInBytes == 0) return TimestampOffset.None;
            if (segment.Times.TryGet(segment.SizeInBytes, out var entries) && entries.Length > 0 && IsTrue(segment, entries[^1]))
                return new TimestampOffset(entries[^1].TimestampMs, segment.BaseOffset + entries[^1].RelativeOffset);
            segment.RepairIndexes(version);
        }

        return ScanLargest(segment);
    }

    /// <summary>
    /// The greatest timestamp among the records from <paramref name="fromOffset"/> on in batches that end below
    /// <paramref name="upToOffset"/>, and an offset of its batch. With a lease held. Reads what lies behind the last entry of the time
    /// index in between, and no more.
    /// </summary>
    public static TimestampOffset LargestWithin(LogSegment segment, long fromOffset, long upToOffset)
    {
        if (fromOffset <= segment.BaseOffset && segment.LargestTimestamp() is var all && all.Offset < upToOffset) return all;
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var version = segment.IndexVersion;
            if (segment.Times.TryGet(segment.SizeInBytes, out var entries))
            {
                var within = TimeIndex.CountUpTo(entries, upToOffset - 1 - segment.BaseOffset);
                if (within == 0) break;
                var location = SegmentSearch.Locate(segment, segment.BaseOffset + entries[within - 1].RelativeOffset, verify: true);
                if (IsOf(location, segment, entries[within - 1]))
                {
                    if (location.Header.BaseOffset < fromOffset) break;
                    return ScanLargest(segment, fromOffset, upToOffset, location.Position);
                }
            }

            segment.RepairIndexes(version);
        }

        var start = SegmentSearch.Locate(segment, Math.Max(fromOffset, segment.BaseOffset));
        var position = start.Damage?.Position ?? start.Position;
        return position < 0 ? TimestampOffset.None : ScanLargest(segment, fromOffset, upToOffset, position);
    }

    /// <summary>
    /// The first record whose timestamp is at least <paramref name="timestampMs"/> and whose offset is at least
    /// <paramref name="startOffset"/> and below <paramref name="upToOffset"/>; null when the segment holds none. With a lease held.
    /// </summary>
    public static TimestampOffset? Find(LogSegment segment, long timestampMs, long startOffset, long upToOffset)
    {
        var from = FirstCandidate(segment, timestampMs, startOffset);
        if (from < 0) return null;
        using var walker = new SegmentWalker(
            segment.File, from, segment.SizeInBytes, segment.BaseOffset, segment.LimitOffset, verifyCrc: true);
        while (walker.MoveNext())
        {
            // What is damaged cannot be found; the records behind it can.
            if (walker.IsDamage) continue;
            if (walker.Header.BaseOffset >= upToOffset) return null;
            if (walker.Header.MaxTimestamp < timestampMs || walker.Header.LastOffset < startOffset) continue;
            if (FirstInBatch(walker, timestampMs, startOffset) is { } found) return found.Offset < upToOffset ? found : null;
        }

        return null;
    }

    private static long FirstCandidate(LogSegment segment, long timestampMs, long startOffset)
    {
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var version = segment.IndexVersion;
            if (segment.Times.TryGet(segment.SizeInBytes, out var entries))
            {
                var below = TimeIndex.CountBelow(entries, timestampMs);
                var start = Math.Max(startOffset, segment.BaseOffset);
                if (below == 0 || IsTrue(segment, entries[below - 1]))
                {
                    if (below > 0) start = Math.Max(start, segment.BaseOffset + entries[below - 1].RelativeOffset);
                    var location = SegmentSearch.Locate(segment, start);
                    return location.Damage?.Position ?? location.Position;
                }
            }

            segment.RepairIndexes(version);
        }

        return 0;
    }

    /// <summary>Whether the batch at the entry's offset has the entry's timestamp.</summary>
    public static bool IsTrue(LogSegment segment, in TimeIndexEntry entry) =>
        IsOf(SegmentSearch.Locate(segment, segment.BaseOffset + entry.RelativeOffset), segment, entry);

    private static bool IsOf(in SegmentLocation location, LogSegment segment, in TimeIndexEntry entry) =>
        location.Position >= 0 && location.Header.MaxTimestamp == entry.TimestampMs
        && location.Header.BaseOffset <= segment.BaseOffset + entry.RelativeOffset;

    private static TimestampOffset? FirstInBatch(SegmentWalker walker, long timestampMs, long startOffset)
    {
        if (walker.Header.TimestampType == TimestampType.LogAppendTime || walker.Header.RecordCount == 0)
            return new TimestampOffset(walker.Header.MaxTimestamp, Math.Max(walker.Header.BaseOffset, startOffset));
        using var reader = new RecordBatchReader(walker.BatchMemory);
        while (reader.MoveNext())
        {
            ref readonly var record = ref reader.Current;
            if (record.TimestampMs >= timestampMs && record.Offset >= startOffset)
                return new TimestampOffset(record.TimestampMs, record.Offset);
        }

        return null;
    }

    /// <summary>As <see cref="LargestWithin"/>, of the batches that can be read from <paramref name="position"/> on.</summary>
    public static TimestampOffset ScanLargest(
        LogSegment segment, long fromOffset = 0, long upToOffset = long.MaxValue, long position = 0)
    {
        var largest = TimestampOffset.None;
        using var walker = new SegmentWalker(
            segment.File, position, segment.SizeInBytes, segment.BaseOffset, segment.LimitOffset, verifyCrc: true);
        while (walker.MoveNext())
        {
            if (walker.IsDamage) continue;
            if (walker.Header.LastOffset >= upToOffset) break;
            if (walker.Header.LastOffset < fromOffset) continue;
            var timestampMs = walker.Header.BaseOffset >= fromOffset ? walker.Header.MaxTimestamp : LargestInBatch(walker, fromOffset);
            if (timestampMs > largest.TimestampMs) largest = new TimestampOffset(timestampMs, walker.Header.LastOffset);
        }

        return largest;
    }

    private static long LargestInBatch(SegmentWalker walker, long fromOffset)
    {
        if (walker.Header.TimestampType == TimestampType.LogAppendTime) return walker.Header.MaxTimestamp;
        var largest = -1L;
        using var reader = new RecordBatchReader(walker.BatchMemory);
        while (reader.MoveNext())
            if (reader.Current.Offset >= fromOffset) largest = Math.Max(largest, reader.Current.TimestampMs);
        return largest;
    }
}
