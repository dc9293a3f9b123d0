namespace OrleansLog.Engine.Storage;

/// <summary>
/// Which old segments of a log have had their time, by age (<c>retention.ms</c>) and by size (<c>retention.bytes</c>); whole
/// segments from the oldest on, and none that is not committed.
/// </summary>
public static class RetentionPolicy
{
    /// <summary>
    /// Deletes what is to go and answers how many segments that was. The active segment goes, too, when all it holds is too old:
    /// an idle partition ends up empty.
    /// </summary>
    /// <param name="log">The log.</param>
    /// <param name="committedOffset">Segments that end after it stay in any case; the high watermark.</param>
    /// <param name="nowMs">The time, milliseconds since the Unix epoch.</param>
    /// <exception cref="Records.OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    public static int Apply(PartitionLog log, long committedOffset, long nowMs)
    {
        var config = log.Config;
        var startOffset = log.LogStartOffset;
        var excessBytes = config.RetentionBytes < 0 ? -1 : log.SizeInBytes - config.RetentionBytes;
        return log.DeleteOldSegments(committedOffset, (segment, next) =>
        {
            excessBytes -= segment.SizeInBytes;
            // Records were deleted up to there, whatever the policy.
            if (next is not null && next.BaseOffset <= startOffset) return true;
            if (!config.IsDeleted) return false;
            // By size the active segment never goes: a log of one large segment would lose everything at once.
            var isTooMuch = config.RetentionBytes >= 0 && excessBytes >= 0 && next is not null;
            return isTooMuch || IsTooOld(segment, config, nowMs);
        });
    }

    private static bool IsTooOld(LogSegment segment, LogConfig config, long nowMs)
    {
        if (config.RetentionMs < 0) return false;
        var largest = segment.SizeInBytes == 0 ? -1 : segment.LargestTimestamp().TimestampMs;
        // Records without a timestamp, or none at all: the age of the file.
        return nowMs - (largest >= 0 ? largest : segment.CreatedAtMs) > config.RetentionMs;
    }
}
