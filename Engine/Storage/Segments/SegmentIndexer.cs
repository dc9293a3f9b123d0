namespace OrleansLog.Engine.Storage;

/// <summary>Makes the indexes of a segment from its batches.</summary>
internal static class SegmentIndexer
{
    /// <summary>Bytes between two entries when the topic's own setting is not at hand.</summary>
    public const int DefaultIntervalBytes = 4096;

    /// <summary>
    /// Rebuilds both indexes by walking the headers. The segment must not be appended to meanwhile; readers find the index
    /// shorter than it will be, which costs them time and nothing else.
    /// </summary>
    public static void Rebuild(LogSegment segment, long limitOffset, int intervalBytes, bool seal)
    {
        // Headers alone do not tell where damage begins; in a damaged segment the CRCs have to.
        if (!TryRebuild(segment, limitOffset, intervalBytes, verify: false))
            TryRebuild(segment, limitOffset, intervalBytes, verify: true);
        if (seal) segment.SealIndexes();
        else segment.PersistIndexes();
    }

    private static bool TryRebuild(LogSegment segment, long limitOffset, int intervalBytes, bool verify)
    {
        segment.BeginRebuild();
        using var walker = new SegmentWalker(segment.File, 0, segment.SizeInBytes, segment.BaseOffset, limitOffset, verify);
        while (walker.MoveNext())
        {
            if (!walker.IsDamage) segment.Note(walker.Header, (int)walker.Position, intervalBytes);
            else if (!verify) return false;
        }

        segment.EndRebuild();
        return true;
    }
}
