using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The configuration of one topic's logs, typed. Names, ranges and defaults are Kafka's (<see cref="Definitions"/> holds
/// them), with one exception: <c>flush.messages</c> is 1, because an acknowledged record is on disk. Immutable; values set
/// with <c>with</c> are taken as they are, <see cref="Parse"/> checks them.
/// </summary>
public sealed record LogConfig
{
    /// <summary>The defaults.</summary>
    public static LogConfig Default { get; } = new();

    /// <summary>Every configuration there is, by name in alphabetical order.</summary>
    public static IReadOnlyList<ConfigDefinition> Definitions => LogConfigDefinitions.All;

    /// <summary><c>cleanup.policy</c>: what becomes of old records.</summary>
    public CleanupPolicies CleanupPolicy { get; init; } = CleanupPolicies.Delete;

    /// <summary><c>compression.type</c>: the codec of the log's batches; null (<c>producer</c>) keeps the producer's.</summary>
    public CompressionType? Compression { get; init; }

    /// <summary><c>delete.retention.ms</c>: how long compaction keeps a tombstone.</summary>
    public long DeleteRetentionMs { get; init; } = 24L * 60 * 60 * 1000;

    /// <summary><c>file.delete.delay.ms</c>: how long a removed segment's files stay for readers that are still at it.</summary>
    public long FileDeleteDelayMs { get; init; } = 60_000;

    /// <summary><c>flush.messages</c>: records after which an fsync is forced; at 1 each append is acknowledged after one.</summary>
    public long FlushMessages { get; init; } = 1;

    /// <summary><c>flush.ms</c>: age of an unflushed record at which an fsync is forced.</summary>
    public long FlushMs { get; init; } = long.MaxValue;

    /// <summary><c>index.interval.bytes</c>: bytes of log between two entries of the offset index.</summary>
    public int IndexIntervalBytes { get; init; } = 4096;

    /// <summary><c>max.compaction.lag.ms</c>: age at which a record is compacted whatever the dirty ratio.</summary>
    public long MaxCompactionLagMs { get; init; } = long.MaxValue;

    /// <summary><c>max.message.bytes</c>: size of the largest batch that is accepted.</summary>
    public int MaxMessageBytes { get; init; } = 1024 * 1024 + 12;

    /// <summary><c>message.timestamp.type</c>: whose time a record carries.</summary>
    public TimestampType MessageTimestampType { get; init; } = TimestampType.CreateTime;

    /// <summary><c>message.timestamp.before.max.ms</c>: how far a record's timestamp may lie before the leader's time.</summary>
    public long MessageTimestampBeforeMaxMs { get; init; } = long.MaxValue;

    /// <summary><c>message.timestamp.after.max.ms</c>: how far a record's timestamp may lie after the leader's time.</summary>
    public long MessageTimestampAfterMaxMs { get; init; } = 60 * 60 * 1000;

    /// <summary><c>min.cleanable.dirty.ratio</c>: share of not yet compacted bytes from which the log is compacted.</summary>
    public double MinCleanableDirtyRatio { get; init; } = 0.5;

    /// <summary><c>min.compaction.lag.ms</c>: age below which a record is not compacted.</summary>
    public long MinCompactionLagMs { get; init; }

    /// <summary><c>min.insync.replicas</c>: in-sync replicas that acks=all needs.</summary>
    public int MinInsyncReplicas { get; init; } = 1;

    /// <summary>
    /// With fewer replicas in sync than this, those that leave stay eligible to lead: <see cref="MinInsyncReplicas"/>. None with a
    /// relaxed flush (0), where a replica may come back from a power loss without what it held.
    /// </summary>
    public int EligibleBelow => FlushesEveryAppend ? MinInsyncReplicas : 0;

    /// <summary><c>preallocate</c>: whether a new segment's file is reserved in full on disk.</summary>
    public bool Preallocate { get; init; }

    /// <summary><c>retention.bytes</c>: size to which a partition's old segments are deleted; -1 for none.</summary>
    public long RetentionBytes { get; init; } = -1;

    /// <summary><c>retention.ms</c>: age at which old segments are deleted; -1 for none.</summary>
    public long RetentionMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary><c>segment.bytes</c>: size at which a segment is closed.</summary>
    public int SegmentBytes { get; init; } = 1024 * 1024 * 1024;

    /// <summary><c>segment.index.bytes</c>: size of an index at which its segment is closed.</summary>
    public int SegmentIndexBytes { get; init; } = 10 * 1024 * 1024;

    /// <summary><c>segment.jitter.ms</c>: greatest random part taken off <see cref="SegmentMs"/>.</summary>
    public long SegmentJitterMs { get; init; }

    /// <summary><c>segment.ms</c>: age at which a segment is closed even if it is not full.</summary>
    public long SegmentMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary><c>unclean.leader.election.enable</c>: whether a replica that is not in sync may lead, losing records.</summary>
    public bool UncleanLeaderElectionEnable { get; init; }

    /// <summary>Whether old segments are deleted by age and size.</summary>
    public bool IsDeleted => (CleanupPolicy & CleanupPolicies.Delete) != 0;

    /// <summary>Whether the log is compacted, and so every record needs a key.</summary>
    public bool IsCompacted => (CleanupPolicy & CleanupPolicies.Compact) != 0;

    /// <summary>Whether an append is durable only once an fsync has covered it, and is acknowledged no earlier.</summary>
    public bool FlushesEveryAppend => FlushMessages <= 1;

    /// <summary>
    /// The configuration that has <paramref name="overrides"/>, by Kafka's names, on top of <paramref name="defaults"/>
    /// (<see cref="Default"/> when null).
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.InvalidConfig"/>: a name is unknown (the nearest known one is
    /// named), a value is not of its type or outside its bounds (both are named), or two values contradict each other.</exception>
    public static LogConfig Parse(IReadOnlyDictionary<string, string> overrides, LogConfig? defaults = null) =>
        LogConfigDefinitions.Parse(overrides, defaults ?? Default);

    /// <summary>Every configuration with its value, by Kafka's names and in the form that <see cref="Parse"/> reads.</summary>
    public IReadOnlyDictionary<string, string> ToDictionary() =>
        Definitions.ToDictionary(definition => definition.Name, definition => definition.Format(this), StringComparer.Ordinal);
}
