namespace OrleansLog.Engine.Storage;

/// <summary>Brings the leader epochs into line with the log that was found.</summary>
internal static class EpochRecovery
{
    /// <summary>
    /// Forgets epochs outside the log. Only when nothing is known are they taken from the batches: there a single flipped bit,
    /// which no CRC covers, would make an epoch that never was.
    /// </summary>
    public static void Align(LeaderEpochCache epochs, LogSegment[] segments, long startOffset, long endOffset, bool isDamaged)
    {
        if (isDamaged) ReadFromLog(epochs, segments);
        epochs.TruncateFromEnd(endOffset);
        epochs.TruncateFromStart(startOffset);
    }

    private static void ReadFromLog(LeaderEpochCache epochs, LogSegment[] segments)
    {
        foreach (var segment in segments)
        {
            using var walker = new SegmentWalker(
                segment.File, 0, segment.SizeInBytes, segment.BaseOffset, segment.LimitOffset, verifyCrc: false);
            while (walker.MoveNext())
                if (!walker.IsDamage) epochs.Assign(walker.Header.PartitionLeaderEpoch, walker.Header.BaseOffset);
        }
    }
}
