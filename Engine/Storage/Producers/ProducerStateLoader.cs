namespace OrleansLog.Engine.Storage;

/// <summary>
/// Brings the producers' state to the end of a log: the newest valid snapshot that does not lie beyond it, then the headers of
/// the batches behind that.
/// </summary>
internal static class ProducerStateLoader
{
    /// <summary>Loads the state as of <paramref name="endOffset"/>; answers the offset of the snapshot used, 0 for none.</summary>
    public static long Load(
        ProducerStateManager producers, IFileSystem fileSystem, string directory, LogSegment[] segments, long logStartOffset,
        long endOffset, long nowMs)
    {
        producers.Clear();
        var from = 0L;
        foreach (var (offset, path) in SnapshotsOf(fileSystem, directory))
        {
            if (offset > endOffset || !ProducerSnapshotFile.TryParse(fileSystem.ReadAllBytes(path), out var entries)) continue;
            producers.Load(entries);
            producers.RemoveExpired(nowMs);
            from = offset;
            break;
        }

        Replay(producers, segments, Math.Max(from, logStartOffset), endOffset, nowMs);
        return from;
    }

    /// <summary>The snapshots there are, the newest first.</summary>
    public static IEnumerable<(long Offset, string Path)> SnapshotsOf(IFileSystem fileSystem, string directory)
    {
        var found = new List<(long Offset, string Path)>();
        foreach (var path in fileSystem.ListFiles(directory))
            if (LogFileNames.TryParse(path, LogFileNames.Snapshot, out var offset)) found.Add((offset, path));
        return found.OrderByDescending(snapshot => snapshot.Offset);
    }

    private static void Replay(ProducerStateManager producers, LogSegment[] segments, long from, long endOffset, long nowMs)
    {
        for (var i = 0; i < segments.Length && from < endOffset; i++)
        {
            if ((i + 1 < segments.Length && segments[i + 1].BaseOffset <= from) || !segments[i].TryAcquire()) continue;
            try
            {
                Replay(producers, segments[i], from, nowMs);
            }
            finally
            {
                segments[i].Release();
            }
        }
    }

    private static void Replay(ProducerStateManager producers, LogSegment segment, long from, long nowMs)
    {
        var start = 0;
        if (from > segment.BaseOffset)
        {
            var location = SegmentSearch.Locate(segment, from);
            if (location.Position < 0 && location.Damage is null) return;
            start = (int?)location.Damage?.Position ?? location.Position;
        }

        // With the CRCs: a sequence number that a flipped bit made up would have new records taken for old ones.
        using var walker = new SegmentWalker(
            segment.File, start, segment.SizeInBytes, segment.BaseOffset, segment.LimitOffset, verifyCrc: true);
        while (walker.MoveNext())
            if (!walker.IsDamage && walker.FirstOffset >= from) producers.Replay(walker.Header, nowMs);
    }
}
