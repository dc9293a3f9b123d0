namespace OrleansLog.Engine.Storage;

/// <summary>
/// What of a log could be compacted now: the segments before <see cref="FirstUncleanableOffset"/>, of which those from
/// <see cref="FirstDirtyOffset"/> on have not been yet. Never the active segment, nothing that is not committed, and nothing
/// younger than <c>min.compaction.lag.ms</c>.
/// </summary>
/// <param name="Log">The log.</param>
/// <param name="Segments">All segments that end before <see cref="FirstUncleanableOffset"/>, the oldest first.</param>
/// <param name="FirstDirtyOffset">Records before it were the last of their keys when the last pass ended there.</param>
/// <param name="FirstUncleanableOffset">Where the segments end.</param>
/// <param name="CleanBytes">Bytes of the segments before the first dirty one.</param>
/// <param name="DirtyBytes">Bytes of the others.</param>
/// <param name="IsOverdue">Whether a dirty record is older than <c>max.compaction.lag.ms</c>.</param>
internal sealed record CompactionPlan(
    PartitionLog Log,
    IReadOnlyList<LogSegment> Segments,
    long FirstDirtyOffset,
    long FirstUncleanableOffset,
    long CleanBytes,
    long DirtyBytes,
    bool IsOverdue)
{
    /// <summary>Share of dirty bytes, from 0 to 1.</summary>
    public double DirtyRatio => DirtyBytes == 0 ? 0 : (double)DirtyBytes / (CleanBytes + DirtyBytes);

    /// <summary>Whether the topic's configuration asks for a pass.</summary>
    public bool IsDue => DirtyBytes > 0 && (IsOverdue || DirtyRatio >= Log.Config.MinCleanableDirtyRatio);

    /// <summary>Makes the plan of a log; null when nothing of it is dirty and may be compacted.</summary>
    /// <param name="log">The log.</param>
    /// <param name="committedOffset">Offsets from here on are not committed.</param>
    /// <param name="checkpoint">Where the last pass ended, if there was one.</param>
    /// <param name="nowMs">The time, milliseconds since the Unix epoch.</param>
    public static CompactionPlan? For(PartitionLog log, long committedOffset, long? checkpoint, long nowMs)
    {
        var config = log.Config;
        var segments = log.Segments;
        if (segments.Count < 2) return null;
        var active = segments[^1].BaseOffset;
        // A checkpoint beyond the log speaks of records that were truncated; what came in their place is dirty.
        var firstDirty = checkpoint is { } known && known <= active ? Math.Max(known, log.LogStartOffset) : log.LogStartOffset;
        var undecided = log.FirstUndecidedOffset;
        var limit = Math.Min(active, undecided >= 0 ? Math.Min(undecided, committedOffset) : committedOffset);

        var cleanable = new List<LogSegment>();
        long cleanBytes = 0, dirtyBytes = 0, end = segments[0].BaseOffset;
        var isOverdue = false;
        for (var i = 0; i < segments.Count - 1 && segments[i + 1].BaseOffset <= limit; i++)
        {
            var segment = segments[i];
            var isDirty = segments[i + 1].BaseOffset > firstDirty;
            if (isDirty && segment.SizeInBytes > 0 && segment.TryAcquire())
            {
                try
                {
                    if (config.MinCompactionLagMs > 0 && segment.LargestTimestamp().TimestampMs > nowMs - config.MinCompactionLagMs) break;
                    isOverdue |= config.MaxCompactionLagMs < long.MaxValue && segment.AgeBaseMs() < nowMs - config.MaxCompactionLagMs;
                }
                finally
                {
                    segment.Release();
                }
            }

            cleanable.Add(segment);
            end = segments[i + 1].BaseOffset;
            if (isDirty) dirtyBytes += segment.SizeInBytes;
            else cleanBytes += segment.SizeInBytes;
        }

        return end <= firstDirty ? null
            : new CompactionPlan(log, cleanable, firstDirty, end, cleanBytes, dirtyBytes, isOverdue);
    }

    /// <summary>
    /// Which segments become one: neighbours, as long as the result fits into a segment by its size and by its offsets.
    /// </summary>
    /// <param name="endOffset">Segments that begin at or after it are left alone.</param>
    /// <param name="maxBytes">The most bytes of the result.</param>
    public IReadOnlyList<IReadOnlyList<LogSegment>> Groups(long endOffset, int maxBytes)
    {
        var groups = new List<IReadOnlyList<LogSegment>>();
        List<LogSegment>? current = null;
        long size = 0;
        for (var i = 0; i < Segments.Count && Segments[i].BaseOffset < endOffset; i++)
        {
            var segment = Segments[i];
            var next = i + 1 < Segments.Count ? Segments[i + 1].BaseOffset : FirstUncleanableOffset;
            if (current is null || size + segment.SizeInBytes > maxBytes || next - current[0].BaseOffset > int.MaxValue)
            {
                groups.Add(current = []);
                size = 0;
            }

            current.Add(segment);
            size += segment.SizeInBytes;
        }

        return groups;
    }
}
