using System.Globalization;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The table behind <see cref="LogConfig"/>: each name with its bounds (Kafka's, from its topic configuration reference) and
/// its way into and out of the record.
/// </summary>
internal static class LogConfigDefinitions
{
    public static IReadOnlyList<ConfigDefinition> All { get; } =
    [
        Policies(
            "cleanup.policy", c => c.CleanupPolicy, (c, v) => c with { CleanupPolicy = v },
            "What becomes of old records: delete removes whole segments by age and size, compact keeps the last of each key."),
        Codec(
            "compression.type", c => c.Compression, (c, v) => c with { Compression = v },
            "The codec of the log's batches; producer keeps what the producer chose."),
        Long("delete.retention.ms", 0, c => c.DeleteRetentionMs, (c, v) => c with { DeleteRetentionMs = v },
            "How long compaction keeps a tombstone, so that readers can learn of the deletion."),
        Long("file.delete.delay.ms", 0, c => c.FileDeleteDelayMs, (c, v) => c with { FileDeleteDelayMs = v },
            "How long the files of a removed segment stay on disk."),
        Long("flush.messages", 1, c => c.FlushMessages, (c, v) => c with { FlushMessages = v },
            "Records after which an fsync is forced; 1 acknowledges only what is on disk, more trades that for throughput."),
        Long("flush.ms", 0, c => c.FlushMs, (c, v) => c with { FlushMs = v },
            "Age of an unflushed record at which an fsync is forced."),
        Int("index.interval.bytes", 0, c => c.IndexIntervalBytes, (c, v) => c with { IndexIntervalBytes = v },
            "Bytes of log between two entries of the offset index."),
        Long("max.compaction.lag.ms", 1, c => c.MaxCompactionLagMs, (c, v) => c with { MaxCompactionLagMs = v },
            "Age at which a record is compacted whatever the dirty ratio."),
        Int("max.message.bytes", 0, c => c.MaxMessageBytes, (c, v) => c with { MaxMessageBytes = v },
            "Size of the largest record batch that is accepted."),
        Long("message.timestamp.after.max.ms", 0, c => c.MessageTimestampAfterMaxMs,
            (c, v) => c with { MessageTimestampAfterMaxMs = v },
            "How far a record's timestamp may lie after the leader's time."),
        Long("message.timestamp.before.max.ms", 0, c => c.MessageTimestampBeforeMaxMs,
            (c, v) => c with { MessageTimestampBeforeMaxMs = v },
            "How far a record's timestamp may lie before the leader's time."),
        Choice<TimestampType>("message.timestamp.type", c => c.MessageTimestampType, (c, v) => c with { MessageTimestampType = v },
            "Whether a record carries the producer's time or that of its append."),
        Ratio("min.cleanable.dirty.ratio", c => c.MinCleanableDirtyRatio, (c, v) => c with { MinCleanableDirtyRatio = v },
            "Share of not yet compacted bytes in the log from which it is compacted."),
        Long("min.compaction.lag.ms", 0, c => c.MinCompactionLagMs, (c, v) => c with { MinCompactionLagMs = v },
            "Age below which a record is not compacted."),
        Int("min.insync.replicas", 1, c => c.MinInsyncReplicas, (c, v) => c with { MinInsyncReplicas = v },
            "In-sync replicas without which acks=all is refused."),
        Flag("preallocate", c => c.Preallocate, (c, v) => c with { Preallocate = v },
            "Whether a new segment's file is reserved in full on disk."),
        Long("retention.bytes", -1, c => c.RetentionBytes, (c, v) => c with { RetentionBytes = v },
            "Size down to which a partition's old segments are deleted; -1 for no bound."),
        Long("retention.ms", -1, c => c.RetentionMs, (c, v) => c with { RetentionMs = v },
            "Age at which old segments are deleted; -1 for no bound."),
        Int("segment.bytes", 1024 * 1024, c => c.SegmentBytes, (c, v) => c with { SegmentBytes = v },
            "Size at which a segment is closed and a new one begun."),
        Int("segment.index.bytes", 4, c => c.SegmentIndexBytes, (c, v) => c with { SegmentIndexBytes = v },
            "Size of an index at which its segment is closed."),
        Long("segment.jitter.ms", 0, c => c.SegmentJitterMs, (c, v) => c with { SegmentJitterMs = v },
            "Greatest random part taken off segment.ms, so that segments do not all close at once."),
        Long("segment.ms", 1, c => c.SegmentMs, (c, v) => c with { SegmentMs = v },
            "Age at which a segment is closed even if it is not full."),
        Flag("unclean.leader.election.enable", c => c.UncleanLeaderElectionEnable,
            (c, v) => c with { UncleanLeaderElectionEnable = v },
            "Whether a replica that is not in sync may become leader, losing records."),
    ];

    private static readonly Dictionary<string, ConfigDefinition> ByName =
        All.ToDictionary(definition => definition.Name, StringComparer.Ordinal);

    public static LogConfig Parse(IReadOnlyDictionary<string, string> overrides, LogConfig defaults)
    {
        ArgumentNullException.ThrowIfNull(overrides);
        var config = defaults;
        foreach (var (name, value) in overrides)
        {
            if (!ByName.TryGetValue(name, out var definition)) throw Unknown(name);
            try
            {
                config = definition.Apply(config, value.Trim());
            }
            catch (FormatException)
            {
                throw new OrleansLogException(
                    ErrorCode.InvalidConfig,
                    $"Invalid value '{value}' for configuration {name}: it must be {definition.Bounds}.");
            }
        }

        if (config.MinCompactionLagMs > config.MaxCompactionLagMs)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidConfig,
                $"Invalid value '{config.MinCompactionLagMs}' for configuration min.compaction.lag.ms: "
                + $"it must not be above max.compaction.lag.ms, which is {config.MaxCompactionLagMs}.");
        }

        return config;
    }

    private static OrleansLogException Unknown(string name)
    {
        var nearest = All.Select(d => d.Name).MinBy(known => EditDistance.Between(known, name))!;
        var hint = EditDistance.Between(nearest, name) <= Math.Max(2, name.Length / 2) ? $" Did you mean {nearest}?" : string.Empty;
        return new OrleansLogException(ErrorCode.InvalidConfig, $"Unknown topic configuration '{name}'.{hint}");
    }

    private static ConfigDefinition Long(
        string name, long least, Func<LogConfig, long> get, Func<LogConfig, long, LogConfig> set, string documentation) =>
        new(name, ConfigType.Long, Invariant($"a whole number from {least} to {long.MaxValue}"), documentation,
            c => get(c).ToString(CultureInfo.InvariantCulture), (c, text) => set(c, Number(text, least, long.MaxValue)));

    private static ConfigDefinition Int(
        string name, int least, Func<LogConfig, int> get, Func<LogConfig, int, LogConfig> set, string documentation) =>
        new(name, ConfigType.Int, Invariant($"a whole number from {least} to {int.MaxValue}"), documentation,
            c => get(c).ToString(CultureInfo.InvariantCulture), (c, text) => set(c, (int)Number(text, least, int.MaxValue)));

    private static ConfigDefinition Flag(
        string name, Func<LogConfig, bool> get, Func<LogConfig, bool, LogConfig> set, string documentation) =>
        new(name, ConfigType.Boolean, "true or false", documentation, c => get(c) ? "true" : "false",
            (c, text) => set(c, bool.TryParse(text, out var value) ? value : throw new FormatException()));

    private static ConfigDefinition Ratio(
        string name, Func<LogConfig, double> get, Func<LogConfig, double, LogConfig> set, string documentation) =>
        new(name, ConfigType.Double, "a number from 0 to 1", documentation,
            c => get(c).ToString(CultureInfo.InvariantCulture),
            (c, text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is >= 0 and <= 1
                ? set(c, value) : throw new FormatException());

    private static ConfigDefinition Choice<T>(
        string name, Func<LogConfig, T> get, Func<LogConfig, T, LogConfig> set, string documentation) where T : struct, Enum =>
        new(name, ConfigType.String, "one of " + string.Join(", ", Enum.GetNames<T>()), documentation, c => get(c).ToString(),
            (c, text) => Enum.GetNames<T>().Contains(text, StringComparer.Ordinal)
                ? set(c, Enum.Parse<T>(text)) : throw new FormatException());

    private static ConfigDefinition Codec(
        string name, Func<LogConfig, CompressionType?> get, Func<LogConfig, CompressionType?, LogConfig> set, string documentation) =>
        new(name, ConfigType.String, "one of producer, uncompressed, gzip, snappy, lz4, zstd", documentation,
            c => get(c) switch
            {
                null => "producer",
                CompressionType.Gzip => "gzip",
                CompressionType.Snappy => "snappy",
                CompressionType.Lz4 => "lz4",
                CompressionType.Zstd => "zstd",
                _ => "uncompressed",
            },
            (c, text) => set(c, text switch
            {
                "producer" => null,
                "uncompressed" => CompressionType.None,
                "gzip" => CompressionType.Gzip,
                "snappy" => CompressionType.Snappy,
                "lz4" => CompressionType.Lz4,
                "zstd" => CompressionType.Zstd,
                _ => throw new FormatException(),
            }));

    private static ConfigDefinition Policies(
        string name, Func<LogConfig, CleanupPolicies> get, Func<LogConfig, CleanupPolicies, LogConfig> set, string documentation) =>
        new(name, ConfigType.List, "delete, compact or both with a comma between", documentation,
            c => get(c) switch
            {
                CleanupPolicies.Compact => "compact",
                CleanupPolicies.Compact | CleanupPolicies.Delete => "compact,delete",
                _ => "delete",
            },
            (c, text) => set(c, text.Split(',').Aggregate(CleanupPolicies.None, (sum, word) => sum | word.Trim() switch
            {
                "delete" => CleanupPolicies.Delete,
                "compact" => CleanupPolicies.Compact,
                _ => throw new FormatException(),
            })));

    private static long Number(string text, long least, long most) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value : throw new FormatException();

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
