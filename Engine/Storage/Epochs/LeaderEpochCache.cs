namespace OrleansLog.Engine.Storage;

/// <summary>
/// Which leader epoch began at which offset, in memory and in the log's <c>leader-epoch-checkpoint</c>. Epochs and start
/// offsets only rise. The file is written durably before a record of the new epoch is, so it is never behind the log.
/// Threads: changes under the log's append lock; lookups from any thread.
/// </summary>
internal sealed class LeaderEpochCache
{
    private readonly IFileSystem _fileSystem;
    private readonly string _path;
    private EpochEntry[] _entries;

    private LeaderEpochCache(IFileSystem fileSystem, string path, EpochEntry[] entries)
    {
        _fileSystem = fileSystem;
        _path = path;
        _entries = entries;
    }

    /// <summary>The latest epoch; -1 when nothing was appended under any.</summary>
    public int LatestEpoch => Entries is { Length: > 0 } entries ? entries[^1].Epoch : -1;

    /// <summary>Whether anything is known.</summary>
    public bool IsEmpty => Entries.Length == 0;

    private EpochEntry[] Entries => Volatile.Read(ref _entries);

    /// <summary>Reads the file of a log; one that is missing or damaged is empty, and <paramref name="problem"/> says so.</summary>
    public static LeaderEpochCache Load(IFileSystem fileSystem, string directory, out string? problem)
    {
        problem = null;
        var path = Path.Combine(directory, LeaderEpochFile.FileName);
        EpochEntry[] entries = [];
        if (fileSystem.FileExists(path) && !LeaderEpochFile.TryParse(fileSystem.ReadAllBytes(path), out entries, out var what))
            problem = $"Leader epochs in '{path}' are damaged and are read from the log instead: {what}.";
        return new LeaderEpochCache(fileSystem, path, entries);
    }

    /// <summary>Notes that the epoch begins at the offset, durably; an epoch that is not above the latest changes nothing.</summary>
    public void Assign(int epoch, long startOffset)
    {
        var entries = Entries;
        if (epoch < 0 || (entries.Length > 0 && epoch <= entries[^1].Epoch)) return;
        // An epoch in which nothing was appended ends where it began, and is of no use to anybody.
        var kept = entries.Length;
        while (kept > 0 && entries[kept - 1].StartOffset >= startOffset) kept--;
        Replace([.. entries.AsSpan(0, kept), new EpochEntry(epoch, startOffset)]);
    }

    /// <summary>The epoch under which the record at the offset was appended; -1 when that is not known.</summary>
    public int EpochOf(long offset)
    {
        var entries = Entries;
        for (var i = entries.Length - 1; i >= 0; i--)
            if (entries[i].StartOffset <= offset) return entries[i].Epoch;
        return -1;
    }

    /// <summary>The latest epochs, the newest first, and whether there are more.</summary>
    public (IReadOnlyList<EpochEntry> Entries, bool HasMore) Latest(int max)
    {
        var entries = Entries;
        var latest = entries[Math.Max(0, entries.Length - max)..];
        Array.Reverse(latest);
        return (latest, latest.Length < entries.Length);
    }

    /// <summary>Where the records of the epoch (or of the last one before it that the log has) end.</summary>
    public EpochEnd EndOf(int epoch, long logEndOffset)
    {
        var entries = Entries;
        if (epoch < 0 || entries.Length == 0 || epoch > entries[^1].Epoch) return EpochEnd.Unknown;
        if (epoch == entries[^1].Epoch) return new EpochEnd(epoch, logEndOffset);
        var above = Array.FindIndex(entries, entry => entry.Epoch > epoch);
        // Before the first epoch known there is only what was deleted long ago.
        return new EpochEnd(above == 0 ? epoch : entries[above - 1].Epoch, entries[above].StartOffset);
    }

    /// <summary>Forgets what begins at or after the offset.</summary>
    public void TruncateFromEnd(long endOffset)
    {
        var entries = Entries;
        var kept = Array.FindIndex(entries, entry => entry.StartOffset >= endOffset);
        if (kept >= 0) Replace(entries[..kept]);
    }

    /// <summary>Forgets the epochs that end at or before the offset; the one that holds it begins there from now on.</summary>
    public void TruncateFromStart(long startOffset)
    {
        var entries = Entries;
        var holder = Array.FindLastIndex(entries, entry => entry.StartOffset <= startOffset);
        if (holder < 0 || (holder == 0 && entries[0].StartOffset == startOffset)) return;
        var kept = entries[holder..];
        kept[0] = kept[0] with { StartOffset = startOffset };
        Replace(kept);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        if (!IsEmpty) Replace([]);
    }

    private void Replace(EpochEntry[] entries)
    {
        _fileSystem.WriteAllBytesDurably(_path, LeaderEpochFile.Format(entries));
        Volatile.Write(ref _entries, entries);
    }
}
