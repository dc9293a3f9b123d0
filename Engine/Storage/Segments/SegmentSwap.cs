namespace OrleansLog.Engine.Storage;

/// <summary>
/// The renames by which a cleaned segment takes the place of those it was made from. The index files go first and the log last:
/// a <c>.log.swap</c> says that the cleaned segment is complete and counts.
/// </summary>
internal static class SegmentSwap
{
    /// <summary>Renames <c>.cleaned</c> to <c>.swap</c>, durably; from then on the new segment counts.</summary>
    public static void Commit(IFileSystem fileSystem, string directory, long baseOffset)
    {
        MoveAll(fileSystem, directory, baseOffset, LogFileNames.Cleaned, LogFileNames.Swap);
        fileSystem.FlushDirectory(directory);
    }

    /// <summary>Renames <c>.swap</c> to the final names, durably; the old segments' files are gone by then, but for their names.</summary>
    public static void Finish(IFileSystem fileSystem, string directory, long baseOffset)
    {
        // The last trace of the swap must not vanish before its sources have, for good.
        fileSystem.FlushDirectory(directory);
        MoveAll(fileSystem, directory, baseOffset, LogFileNames.Swap, string.Empty);
        fileSystem.FlushDirectory(directory);
    }

    private static void MoveAll(IFileSystem fileSystem, string directory, long baseOffset, string from, string to)
    {
        for (var i = LogFileNames.SegmentSuffixes.Length - 1; i >= 0; i--)
        {
            var path = LogFileNames.PathOf(directory, baseOffset, LogFileNames.SegmentSuffixes[i]);
            if (fileSystem.FileExists(path + from)) fileSystem.Move(path + from, path + to);
        }
    }
}
