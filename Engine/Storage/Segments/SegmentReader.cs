using System.Buffers;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Reads whole, verified batches of one segment into pooled memory: one system call for a reader that goes on where it stopped.
/// Nothing is served whose CRC does not match or whose offsets contradict its neighbours'.
/// </summary>
internal static class SegmentReader
{
    private const int SmallestRead = 16 * 1024;

    /// <summary>
    /// Reads from the batch that holds <paramref name="offset"/> on; null when the segment holds nothing at or after it.
    /// </summary>
    /// <param name="segment">The segment, with a lease held.</param>
    /// <param name="offset">First offset wanted.</param>
    /// <param name="maxBytes">Most bytes to read, except that one whole batch is always read.</param>
    /// <param name="upToOffset">Batches that end after this offset (exclusive) are not read.</param>
    /// <param name="damage">The damaged region that holds the offset; null when there is none.</param>
    public static LogRead? Read(LogSegment segment, long offset, int maxBytes, long upToOffset, out CorruptRegion? damage)
    {
        damage = null;
        var relative = (int)(offset - segment.BaseOffset);
        var position = segment.Hints.Find(relative);
        if (position >= 0 && ReadAt(segment, position, offset, maxBytes, upToOffset, exact: true) is { } read) return read;

        foreach (var verify in (ReadOnlySpan<bool>)[false, true])
        {
            var location = SegmentSearch.Locate(segment, offset, verify);
            damage = location.Damage;
            if (location.Position < 0) return null;
            read = ReadAt(segment, location.Position, offset, maxBytes, upToOffset, exact: false);
            if (read is not null) return read;
            // The batch is damaged, and what its header says with it: only now do CRCs tell where the offset is.
            damage = new CorruptRegion(
                segment.LogPath, location.Position, location.Header.SizeInBytes, location.Header.BaseOffset,
                location.Header.NextOffset, BatchFault.BadCrc.Describe());
        }

        return null;
    }

    // Null when the batch at the position cannot be served.
    private static LogRead? ReadAt(LogSegment segment, int position, long offset, int maxBytes, long upToOffset, bool exact)
    {
        var size = segment.SizeInBytes;
        var available = size - position;
        if (available <= 0) return null;
        var wanted = Math.Min(Math.Max(maxBytes, SmallestRead), available);
        while (true)
        {
            var buffer = ArrayPool<byte>.Shared.Rent(wanted);
            var walk = default(ReadWalk);
            try
            {
                var length = segment.Read(buffer.AsSpan(0, wanted), position);
                walk = ReadWalk.Over(
                    buffer.AsSpan(0, length), available, exact ? offset : -1, maxBytes, upToOffset, segment.LimitOffset);
            }
            finally
            {
                if (walk.Length == 0) ArrayPool<byte>.Shared.Return(buffer);
            }

            if (walk.Length > 0)
            {
                segment.Hints.Advance(
                    (int)(offset - segment.BaseOffset), (int)(walk.NextOffset - segment.BaseOffset), position + walk.Length);
                return new LogRead(buffer, walk.Length, walk.NextOffset);
            }

            if (walk.IsBeyondLimit) return LogRead.Empty(offset);
            if (walk.Needed <= wanted || walk.Needed > available) return null;
            wanted = walk.Needed;
        }
    }
}
