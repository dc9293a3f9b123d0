namespace OrleansLog.Grains;

/// <summary>
/// The settings of the log in a silo, bound from the configuration section <see cref="SectionName"/> and checked when the silo
/// starts. Sizes are in bytes.
/// </summary>
public sealed class OrleansLogOptions
{
    /// <summary>The configuration section these are bound from.</summary>
    public const string SectionName = "OrleansLog";

    /// <summary>Where the records and the metadata are; made if missing, locked while the silo runs.</summary>
    public string DataDirectory { get; set; } = "./data";

    /// <summary>
    /// The stable number of this node, from 0; null for the one in the data directory (1 in a new one). It cannot be changed
    /// later.
    /// </summary>
    public int? NodeId { get; set; }

    /// <summary>
    /// The id of the cluster; null for the one in the data directory (a random one in a new one). It cannot be changed later.
    /// </summary>
    public string? ClusterId { get; set; }

    /// <summary>The rack (or zone) of this node; null for none.</summary>
    public string? Rack { get; set; }

    /// <summary>The name or address at which clients reach this node.</summary>
    public string AdvertisedHost { get; set; } = "localhost";

    /// <summary>Kafka's <c>num.partitions</c>: partitions of a topic whose creator leaves the number open.</summary>
    public int DefaultPartitions { get; set; } = 1;

    /// <summary>Kafka's <c>default.replication.factor</c>: replicas of a topic whose creator leaves the number open.</summary>
    public short DefaultReplicationFactor { get; set; } = 1;

    /// <summary>Configurations, by Kafka's names (<c>retention.ms</c>, ...), of every topic that does not set them itself.</summary>
    public Dictionary<string, string> TopicDefaults { get; } = new(StringComparer.Ordinal);

    /// <summary>Kafka's <c>offsets.topic.num.partitions</c>: partitions of the topic that holds committed offsets. It counts
    /// when that topic is made, with the first group.</summary>
    public int OffsetsTopicPartitions { get; set; } = 50;

    /// <summary>Kafka's <c>offsets.topic.replication.factor</c>; 0 for as many as there are nodes when the topic is made, at most
    /// 3.</summary>
    public short OffsetsTopicReplicationFactor { get; set; }

    /// <summary>How many topics there may be.</summary>
    public int MaxTopics { get; set; } = 10_000;

    /// <summary>How many partitions a topic may have.</summary>
    public int MaxPartitionsPerTopic { get; set; } = 10_000;

    /// <summary>How many consumer groups there may be.</summary>
    public int MaxGroups { get; set; } = 100_000;

    /// <summary>The most bytes a fetch returns, whatever it asks for; a single larger batch is still returned.</summary>
    public int MaxFetchBytes { get; set; } = 50 * 1024 * 1024;

    /// <summary>
    /// Bytes of the node's commit journal, by which partitions that are flushed at the same time share one fsync: 8 MiB at least, or 0 for none. Two files of
    /// half of it are made in the data directory when that first happens, and go at an orderly stop.
    /// </summary>
    public int CommitJournalBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>The longest a fetch may wait for records, whatever it asks for.</summary>
    public TimeSpan MaxFetchWait { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>
    /// How many bytes of records may be on their way to disk on this silo at a time. Requests beyond that wait, up to their
    /// timeout, and are refused then.
    /// </summary>
    public long MaxInFlightProduceBytes { get; set; } = 128 * 1024 * 1024;

    /// <summary>
    /// A file that the silo makes once all replicas on this node are in sync, and deletes when it stops: for the readiness of a
    /// container. Null for none.
    /// </summary>
    public string? ReadyFile { get; set; }

    /// <summary>Kafka's <c>log.retention.check.interval.ms</c>: how often old segments are looked for.</summary>
    public TimeSpan RetentionCheckInterval { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many partitions that nobody uses are opened at most, one after the other, in one such look.</summary>
    public int MaxIdlePartitionsPerCheck { get; set; } = 200;

    /// <summary>Kafka's <c>replica.lag.time.max.ms</c>: a replica that was not up to date for this long is not in sync.</summary>
    public TimeSpan ReplicaLagTimeMax { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many bytes a second this node sends to replicas that catch up, all together; 0 for no limit.</summary>
    public long MaxCatchUpBytesPerSecond { get; set; }

    /// <summary>
    /// Kafka's <c>leader.replication.throttled.rate</c>: how many bytes a second this node sends to replicas that a reassignment adds,
    /// all together, besides what is appended meanwhile; 0 for no limit.
    /// </summary>
    public long MaxReassignmentBytesPerSecond { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// Whether leaders push to the replicas on other nodes, and clients produce, by connections of their own to Orleans' ports; otherwise
    /// by messages of Orleans, which takes longer. To be turned off where Orleans' connections are encrypted by middleware: these are not.
    /// </summary>
    public bool DirectConnections { get; set; } = true;

    /// <summary>Kafka's <c>leader.imbalance.check.interval.seconds</c>: how often leaderships are given back to the preferred
    /// replicas that are in sync; zero for never.</summary>
    public TimeSpan LeaderRebalanceInterval { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often the replicas on this node are read as a whole, in search of damage that nobody has come across; zero for never.
    /// Records are checked whenever they are read besides.
    /// </summary>
    public TimeSpan ScrubInterval { get; set; } = TimeSpan.FromDays(1);

    /// <summary>How many bytes a second are read for that at most, from 64 KiB.</summary>
    public long MaxScrubBytesPerSecond { get; set; } = 20 * 1024 * 1024;

    /// <summary>Where topics, leaderships and producer ids are kept.</summary>
    public MetadataStoreOptions Metadata { get; } = new();
}
