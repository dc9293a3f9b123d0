using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>Where a search in a segment ended.</summary>
/// <param name="Position">Position of the batch found; -1 when the segment holds nothing at or after the offset.</param>
/// <param name="Header">The batch's header.</param>
/// <param name="Damage">The damaged region that holds the offset instead; null when there is none.</param>
internal readonly record struct SegmentLocation(int Position, RecordBatchHeader Header, CorruptRegion? Damage)
{
    public static SegmentLocation Nothing { get; } = new(-1, default, null);
}

/// <summary>
/// Finds batches in a segment by way of its offset index. An index entry is believed only if the batch that it points at ends
/// with the entry's offset; otherwise the index is made anew from the log.
/// </summary>
internal static class SegmentSearch
{
    /// <summary>
    /// The batch that holds <paramref name="offset"/>, or the first one after it. With a lease held. Headers are believed unless
    /// <paramref name="verify"/> says that CRCs are to be checked on the way; nobody who then finds the batch damaged knows where
    /// the offset really is.
    /// </summary>
    public static SegmentLocation Locate(LogSegment segment, long offset, bool verify = false)
    {
        for (var attempt = 0; ; attempt++)
        {
            var version = segment.IndexVersion;
            var size = segment.SizeInBytes;
            if (!segment.Offsets.TryGet(size, out var entries) && attempt == 0)
            {
                segment.RepairIndexes(version);
                continue;
            }

            var floor = OffsetIndex.CountUpTo(entries, offset - segment.BaseOffset) - 1;
            if (TryWalk(segment, entries, floor, offset, size, verify, out var location)
                || (attempt > 0 && TryWalk(segment, entries, floor, offset, size, verify: true, out location)))
                return location;
            if (attempt > 0) return Walk(segment, 0, segment.BaseOffset, offset, size);
            // Either the index or the log is wrong here; a new index tells which.
            segment.RepairIndexes(version);
        }
    }

    // False when what is found contradicts the index, or something is damaged that only CRCs can tell the extent of.
    private static bool TryWalk(
        LogSegment segment, ReadOnlySpan<OffsetIndexEntry> entries, int floor, long offset, int size, bool verify, out SegmentLocation location)
    {
        location = SegmentLocation.Nothing;
        var start = floor < 0 ? 0 : entries[floor].Position;
        var expected = segment.BaseOffset + (floor < 1 ? 0 : entries[floor - 1].RelativeOffset + 1L);
        using var walker = new SegmentWalker(segment.File, start, size, expected, segment.LimitOffset, verify);
        for (var isFirst = true; walker.MoveNext(); isFirst = false)
        {
            if (walker.IsDamage && !verify) return false;
            if (isFirst && floor >= 0
                && (walker.IsDamage || walker.Header.LastOffset != segment.BaseOffset + entries[floor].RelativeOffset))
                return false;
            if (!Matches(walker, segment, offset, ref location)) continue;
            // An offset that falls between two batches is lost if the one before it says less than it holds.
            return verify || isFirst || location.Damage is not null || location.Header.BaseOffset <= offset
                || TryWalk(segment, entries, floor, offset, size, verify: true, out location);
        }

        return verify || TryWalk(segment, entries, floor, offset, size, verify: true, out location);
    }

    private static SegmentLocation Walk(LogSegment segment, int start, long expected, long offset, int size)
    {
        var location = SegmentLocation.Nothing;
        using var walker = new SegmentWalker(segment.File, start, size, expected, segment.LimitOffset, verifyCrc: true);
        while (walker.MoveNext() && !Matches(walker, segment, offset, ref location)) { }
        return location;
    }

    private static bool Matches(SegmentWalker walker, LogSegment segment, long offset, ref SegmentLocation location)
    {
        if (walker.IsDamage)
        {
            if (offset >= walker.ExpectedOffset && !walker.IsTail) return false;
            location = new SegmentLocation(-1, default, walker.Describe(segment.LogPath));
            return true;
        }

        if (walker.Header.LastOffset < offset) return false;
        location = new SegmentLocation((int)walker.Position, walker.Header, null);
        return true;
    }
}
