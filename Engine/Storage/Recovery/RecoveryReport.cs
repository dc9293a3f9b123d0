namespace OrleansLog.Engine.Storage;

/// <summary>What opening a log found and did to it.</summary>
public sealed record RecoveryReport
{
    /// <summary>Whether the log was new.</summary>
    public bool IsNew { get; init; }

    /// <summary>Whether the process that had the log before stopped in an orderly way.</summary>
    public bool CleanShutdown { get; init; }

    /// <summary>The offset up to which the log was known to be durable, and from which it was checked.</summary>
    public long RecoveryPoint { get; init; }

    /// <summary>Segments that were read, in part or as a whole.</summary>
    public int SegmentsScanned { get; init; }

    /// <summary>Bytes whose CRCs were checked.</summary>
    public long BytesScanned { get; init; }

    /// <summary>Bytes behind the last valid batch that were cut off; none of them was ever acknowledged as durable.</summary>
    public long BytesCut { get; init; }

    /// <summary>Why they were cut off; null when nothing was.</summary>
    public string? CutReason { get; init; }

    /// <summary>The index files that were missing or wrong and have been made anew.</summary>
    public IReadOnlyList<string> IndexesRebuilt { get; init; } = [];

    /// <summary>Damage in what was known to be durable: kept, never served, and to be repaired from another replica.</summary>
    public IReadOnlyList<CorruptRegion> CorruptRegions { get; init; } = [];

    /// <summary>The base offset of the first segment that is missing in the middle of the log, as far as its index tells; -1 for
    /// none.</summary>
    public long MissingFrom { get; init; } = -1;

    /// <summary>Anything else worth knowing: checkpoints that were stale, files that were removed.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Whether anything was wrong that a person should hear of.</summary>
    public bool HasFindings => BytesCut > 0 || IndexesRebuilt.Count > 0 || CorruptRegions.Count > 0 || Notes.Count > 0;

    /// <inheritdoc/>
    public override string ToString()
    {
        var parts = new List<string>
        {
            FormattableString.Invariant(
                $"{(CleanShutdown ? "clean" : "unclean")} stop, recovery point {RecoveryPoint}, {BytesScanned} bytes checked"),
        };
        if (BytesCut > 0) parts.Add(FormattableString.Invariant($"{BytesCut} bytes cut off ({CutReason})"));
        if (IndexesRebuilt.Count > 0) parts.Add("indexes made anew: " + string.Join(", ", IndexesRebuilt.Select(Path.GetFileName)));
        if (CorruptRegions.Count > 0) parts.Add("damaged: " + string.Join("; ", CorruptRegions));
        parts.AddRange(Notes);
        return string.Join("; ", parts);
    }
}
