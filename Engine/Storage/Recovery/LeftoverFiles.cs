namespace OrleansLog.Engine.Storage;

/// <summary>Finishes or undoes what a crash interrupted in a log's directory.</summary>
internal static class LeftoverFiles
{
    /// <summary>
    /// Removes half-written (<c>.tmp</c>, <c>.cleaned</c>) and outgoing (<c>.deleted</c>) files, completes swaps of compaction
    /// (<c>.swap</c>), and removes what has lost its log.
    /// </summary>
    /// <returns>The base offsets of the segments of which everything but the log was there, in ascending order.</returns>
    public static IReadOnlyList<long> Tidy(IFileSystem fileSystem, string directory, List<string> notes)
    {
        var files = fileSystem.ListFiles(directory).ToList();
        var isChanged = false;
        foreach (var file in files)
        {
            if (!file.EndsWith(LogFileNames.Temporary, StringComparison.Ordinal)
                && !file.EndsWith(LogFileNames.Cleaned, StringComparison.Ordinal)
                && !file.EndsWith(LogFileNames.Deleted, StringComparison.Ordinal))
                continue;
            fileSystem.DeleteFile(file);
            isChanged = true;
        }

        foreach (var file in files)
        {
            if (!LogFileNames.TryParse(file, LogFileNames.Log + LogFileNames.Swap, out var offset)) continue;
            CompleteSwap(fileSystem, directory, offset, file);
            notes.Add($"the compaction that ended in '{Path.GetFileName(file)}' was completed");
            isChanged = true;
        }

        var orphans = new SortedSet<long>();
        isChanged |= RemoveOrphans(fileSystem, directory, orphans);
        if (isChanged) fileSystem.FlushDirectory(directory);
        return [.. orphans];
    }

    // The cleaned segment counts; those whose base offset it covers are its sources, as far as they are still there.
    private static void CompleteSwap(IFileSystem fileSystem, string directory, long baseOffset, string path)
    {
        var nextOffset = NextOffset(fileSystem, path, baseOffset);
        foreach (var file in fileSystem.ListFiles(directory).ToList())
            if (LogFileNames.TryParse(file, LogFileNames.Log, out var offset) && offset >= baseOffset && offset < Math.Max(nextOffset, baseOffset + 1))
                foreach (var suffix in LogFileNames.SegmentSuffixes) fileSystem.DeleteFile(LogFileNames.PathOf(directory, offset, suffix));
        SegmentSwap.Finish(fileSystem, directory, baseOffset);
    }

    private static long NextOffset(IFileSystem fileSystem, string path, long baseOffset)
    {
        using var file = fileSystem.OpenFile(path, FileOpenMode.Read);
        using var scanner = new BatchScanner(file, 0, file.Length, verifyCrc: false);
        var next = baseOffset;
        while (scanner.MoveNext()) next = scanner.Header.NextOffset;
        return next;
    }

    private static bool RemoveOrphans(IFileSystem fileSystem, string directory, SortedSet<long> orphans)
    {
        var isChanged = false;
        foreach (var file in fileSystem.ListFiles(directory).ToList())
        {
            var isOrphan = file.EndsWith(LogFileNames.Swap, StringComparison.Ordinal);
            foreach (var suffix in LogFileNames.SegmentSuffixes[1..])
            {
                if (!LogFileNames.TryParse(file, suffix, out var offset)
                    || fileSystem.FileExists(LogFileNames.PathOf(directory, offset, LogFileNames.Log))) continue;
                isOrphan = true;
                orphans.Add(offset);
            }

            if (!isOrphan) continue;
            fileSystem.DeleteFile(file);
            isChanged = true;
        }

        return isChanged;
    }
}
