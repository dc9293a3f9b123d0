using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>What is known of a log before its files are looked at.</summary>
/// <param name="TopicId">Id of its topic; empty to take what the directory says.</param>
/// <param name="RecoveryPoint">The offset up to which it was durable; null when that is not known.</param>
/// <param name="LogStartOffset">The start offset that was kept; null for none.</param>
/// <param name="CleanShutdown">Whether the process that had it stopped in an orderly way.</param>
internal sealed record LogLoadHints(Guid TopicId, long? RecoveryPoint, long? LogStartOffset, bool CleanShutdown);

/// <summary>
/// Opens the files of a log: tidies up what a crash left behind, recovers what was not known to be durable (see
/// <see cref="LogRecovery"/>), and loads epochs and producers. One use, one thread.
/// </summary>
internal sealed class LogLoader(LogEnvironment environment, LogConfig config, LogLoadHints hints)
{
    private readonly IFileSystem _fileSystem = environment.FileSystem;
    private readonly string _directory = environment.Directory;
    private readonly List<string> _notes = [];
    private readonly List<string> _rebuilt = [];
    private readonly Lock _writerLock = new();

    /// <summary>Opens the log, making it when the directory is empty or missing.</summary>
    /// <exception cref="OrleansLogException">The directory belongs to another topic, or cannot be made sense of.</exception>
    /// <exception cref="IOException">The disk failed.</exception>
    public LoadedLog Load(ProducerStateOptions producerOptions)
    {
        var nowMs = environment.Time.GetUtcNow().ToUnixTimeMilliseconds();
        var topicId = PartitionMetadataFile.Check(_fileSystem, _directory, hints.TopicId, _notes);
        var orphans = LeftoverFiles.Tidy(_fileSystem, _directory, _notes);
        var segments = OpenSegments(nowMs);
        var isNew = segments.Count == 0;
        if (isNew)
            segments.Add(LogSegment.Create(_fileSystem, _directory, hints.LogStartOffset ?? 0, nowMs, _writerLock));
        var epochs = LeaderEpochCache.Load(_fileSystem, _directory, out var epochProblem);
        if (epochProblem is not null) _notes.Add(epochProblem);

        // A log that takes part in replication was made here: without a recovery point nothing of it was ever known to be durable,
        // and a gap is what a power loss left. One that came from elsewhere may have gaps of its own.
        var isOurs = _fileSystem.FileExists(Path.Combine(_directory, ReplicaStateFile.FileName));
        var cuts = FindCuts(segments);
        var recovery = new LogRecovery(
            segments, config, hints.RecoveryPoint ?? (isOurs ? 0 : null), _rebuilt, () => _fileSystem.FlushDirectory(_directory));
        if (!isNew)
        {
            recovery.Run();
            // What a killed process created may be in memory only, and from now on it counts as durable.
            if (!hints.CleanShutdown) _fileSystem.FlushDirectory(_directory);
        }

        var isDirty = isNew;
        var endOffset = isNew ? segments[0].BaseOffset : recovery.LogEndOffset;
        if (recovery.NeedsNewSegment)
        {
            segments[^1].LimitOffset = endOffset;
            segments[^1].SealIndexes();
            segments.Add(LogSegment.Create(_fileSystem, _directory, endOffset, nowMs, _writerLock));
            isDirty = true;
        }

        if (hints.RecoveryPoint > endOffset)
            _notes.Add(FormattableString.Invariant($"the recovery point {hints.RecoveryPoint} lies beyond the log's end {endOffset}"));
        var missingFrom = FindMissing(orphans, segments[0].BaseOffset, endOffset);
        var loaded = segments.ToArray();
        var startOffset = StartOffset(loaded[0].BaseOffset, endOffset);
        EpochRecovery.Align(epochs, loaded, startOffset, endOffset, isDamaged: epochs.IsEmpty && !isNew);
        var producers = new ProducerStateManager(environment.Partition, producerOptions);
        RemoveUselessSnapshots(loaded, endOffset);
        var snapshotOffset = ProducerStateLoader.Load(producers, _fileSystem, _directory, loaded, startOffset, endOffset, nowMs);
        foreach (var segment in loaded) segment.TryCloseIdle();
        return new LoadedLog
        {
            TopicId = topicId,
            WriterLock = _writerLock,
            Segments = loaded,
            Epochs = epochs,
            Producers = producers,
            LogStartOffset = startOffset,
            LogEndOffset = endOffset,
            SnapshotOffset = snapshotOffset,
            DirectoryDirty = isDirty,
            Report = recovery.Report with
            {
                IsNew = isNew,
                CleanShutdown = hints.CleanShutdown,
                MissingFrom = missingFrom,
                CorruptRegions = [.. cuts, .. recovery.Report.CorruptRegions],
                IndexesRebuilt = _rebuilt,
                Notes = _notes,
            },
        };
    }

    private List<LogSegment> OpenSegments(long nowMs)
    {
        var names = _fileSystem.ListFiles(_directory).ToHashSet(StringComparer.Ordinal);
        var offsets = new List<long>();
        foreach (var name in names)
            if (LogFileNames.TryParse(name, LogFileNames.Log, out var offset)) offsets.Add(offset);
        offsets.Sort();
        var segments = new List<LogSegment>(offsets.Count);
        foreach (var offset in offsets)
        {
            var segment = LogSegment.Open(_fileSystem, _directory, offset, nowMs, _writerLock);
            if (segments.Count > 0) segments[^1].LimitOffset = offset;
            segments.Add(segment);
        }

        // What a reader would find out later, people should hear of now.
        foreach (var segment in segments)
        {
            if (segment.SizeInBytes == 0 || segment == segments[^1]) continue;
            if (names.Contains(segment.Offsets.FilePath) && names.Contains(segment.Times.FilePath)) continue;
            segment.RepairIndexes(segment.IndexVersion, config.IndexIntervalBytes);
            _rebuilt.Add(segment.Offsets.FilePath);
        }

        return segments;
    }

    // The offset index of a closed segment ends with its last batch, durably before the recovery point is beyond it. One that points
    // behind the end of the file says that the file was cut, be it between two batches, which nothing else would tell.
    private List<CorruptRegion> FindCuts(List<LogSegment> segments)
    {
        var cuts = new List<CorruptRegion>();
        foreach (var segment in segments)
        {
            if (segment.LimitOffset > (hints.RecoveryPoint ?? -1)) break;
            if (segment.Offsets.ReadLast() is not { } last || last.Position < segment.SizeInBytes) continue;
            if (MissingEnd(segment, segment.BaseOffset + last.RelativeOffset) is { } cut) cuts.Add(cut);
        }

        return cuts;
    }

    // Null when the segment has the offset all the same: the index is not its own.
    private static CorruptRegion? MissingEnd(LogSegment segment, long lastOffset)
    {
        using var walker = new SegmentWalker(segment.File, 0, segment.SizeInBytes, segment.BaseOffset, segment.LimitOffset, verifyCrc: true);
        while (walker.MoveNext())
            if (walker.IsTail) return walker.Describe(segment.LogPath);
        return walker.ExpectedOffset > lastOffset
            ? null
            : new CorruptRegion(segment.LogPath, segment.SizeInBytes, 0, walker.ExpectedOffset, segment.LimitOffset, "the end of the segment is missing");
    }

    // Retention deletes from the front and truncation from the end; only compaction deletes in between. Otherwise an index without
    // its segment says that somebody else deleted that.
    private long FindMissing(IReadOnlyList<long> orphans, long firstOffset, long endOffset)
    {
        if (config.IsCompacted) return -1;
        foreach (var offset in orphans)
        {
            if (offset <= firstOffset || offset >= endOffset) continue;
            _notes.Add(FormattableString.Invariant($"the segment '{LogFileNames.PathOf(_directory, offset, LogFileNames.Log)}' is missing"));
            return offset;
        }

        return -1;
    }

    private long StartOffset(long firstOffset, long endOffset)
    {
        if (hints.LogStartOffset is not { } kept || kept <= firstOffset) return firstOffset;
        if (kept <= endOffset) return kept;
        // Believing it would hide everything that is there.
        _notes.Add(FormattableString.Invariant($"the log start offset {kept} lies beyond the log's end {endOffset} and is ignored"));
        return firstOffset;
    }

    // Of use are the newest one, and those at the beginnings of segments, for truncations.
    private void RemoveUselessSnapshots(LogSegment[] segments, long endOffset)
    {
        var isNewest = true;
        var isChanged = false;
        foreach (var (offset, path) in ProducerStateLoader.SnapshotsOf(_fileSystem, _directory))
        {
            var isBeyond = offset > endOffset;
            if (isBeyond || (!isNewest && !Array.Exists(segments, segment => segment.BaseOffset == offset))) _fileSystem.DeleteFile(path);
            isNewest &= isBeyond;
            isChanged |= isBeyond;
        }

        // One that came back after a crash would tell of other records at the same offsets.
        if (isChanged) _fileSystem.FlushDirectory(_directory);
    }
}
