namespace OrleansLog.Engine.Storage;

/// <summary>How a <see cref="LogManager"/> works.</summary>
public sealed record LogManagerOptions
{
    /// <summary>Path of the data directory; created when it is missing.</summary>
    public required string DataDirectory { get; init; }

    /// <summary>The cluster that the directory must belong to; null takes the one it belongs to, or makes a new id.</summary>
    public string? ClusterId { get; init; }

    /// <summary>The node that the directory must belong to; null takes the one it belongs to, or 1.</summary>
    public int? NodeId { get; init; }

    /// <summary>Threads that call fsync, from 1; they start with the first need.</summary>
    public int FlushThreads { get; init; } = 2;

    /// <summary>Logs that are opened (and recovered) at one time, from 1.</summary>
    public int ConcurrentOpens { get; init; } = Environment.ProcessorCount;

    /// <summary>
    /// Files of closed segments that are kept open for readers; beyond that, idle ones are closed. Each open log has one more, that of
    /// its active segment.
    /// </summary>
    public int MaxOpenSegmentFiles { get; init; } = 512;

    /// <summary>
    /// Most bytes of zeros that are written ahead of a log whose flushes are small, so that fsync is cheaper; 0 for none. They are
    /// cut off when the segment is closed.
    /// </summary>
    public int ZeroAheadBytes { get; init; } = 512 * 1024;

    /// <summary>
    /// Bytes of the commit journal, two files of half of it each, by which logs that are flushed at the same time share one fsync; made when
    /// that first happens. 0 for none.
    /// </summary>
    public int CommitJournalBytes { get; init; } = 32 * 1024 * 1024;

    /// <summary>
    /// Calls what completes the waits for a round of fsync of several logs, on the thread of that; null to have it called directly.
    /// Whoever goes on in it may put off until its end what it would rather do for several of them at once.
    /// </summary>
    public Action<Action>? CompletesTogether { get; init; }

    /// <summary>
    /// How long after a flush the recovery points are written. A crash costs a check of what was flushed since they were.
    /// </summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bounds on what is remembered of idempotent producers.</summary>
    public ProducerStateOptions Producers { get; init; } = new();

    /// <summary>How often old segments are looked for.</summary>
    public TimeSpan RetentionInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Bounds of compaction, and how often it looks for work.</summary>
    public LogCleanerOptions Cleaner { get; init; } = new();
}
