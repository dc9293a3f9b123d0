namespace OrleansLog.Engine.Storage;

/// <summary>A log as it was found on disk, after recovery.</summary>
internal sealed record LoadedLog
{
    public required Guid TopicId { get; init; }

    public required Lock WriterLock { get; init; }

    public required LogSegment[] Segments { get; init; }

    public required LeaderEpochCache Epochs { get; init; }

    public required ProducerStateManager Producers { get; init; }

    public required long LogStartOffset { get; init; }

    public required long LogEndOffset { get; init; }

    public required long SnapshotOffset { get; init; }

    /// <summary>Whether files were made whose directory entries are not durable yet.</summary>
    public required bool DirectoryDirty { get; init; }

    public required RecoveryReport Report { get; init; }
}
