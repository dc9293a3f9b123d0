namespace OrleansLog.Engine.Groups;

/// <summary>
/// The bounds and times of consumer groups. Where Kafka has the setting, the default is Kafka's, but for the heartbeat
/// interval: a member learns that it has to give a partition up, and that one became free, with its next heartbeat, so a
/// rebalance takes about two intervals. At 5 s (Kafka) that is felt; at 3 s a thousand members still cost only some
/// 330 calls a second, nearly all of which write nothing.
/// </summary>
public sealed class GroupOptions
{
    /// <summary><c>group.consumer.session.timeout.ms</c>: a member not heard of for so long is removed.</summary>
    public TimeSpan SessionTimeout { get; set; } = TimeSpan.FromSeconds(45);

    /// <summary><c>group.consumer.heartbeat.interval.ms</c>: what members are told to wait between heartbeats.</summary>
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary><c>group.min.session.timeout.ms</c>: the shortest session that a member of the classic protocol may ask for.</summary>
    public TimeSpan MinSessionTimeout { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary><c>group.max.session.timeout.ms</c>: the longest session that a member of the classic protocol may ask for.</summary>
    public TimeSpan MaxSessionTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary><c>group.initial.rebalance.delay.ms</c>: how long a group of the classic protocol that was empty waits for more
    /// members before its first generation.</summary>
    public TimeSpan InitialRebalanceDelay { get; set; } = TimeSpan.FromSeconds(3);

    /// <summary>How long a new member of the classic protocol that waits for its first generation is kept without being heard
    /// of.</summary>
    public TimeSpan NewMemberTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The most bytes that the members of a group of the classic protocol, with their metadata and assignments, take in
    /// the log; a group is one record there.</summary>
    public int MaxClassicGroupBytes { get; set; } = 800 * 1024;

    /// <summary>How long a member may take to give partitions up when it does not say.</summary>
    public TimeSpan DefaultRebalanceTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The longest rebalance timeout that a member may ask for; a longer one counts as this.</summary>
    public TimeSpan MaxRebalanceTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary><c>group.max.size</c>: the most members of a group.</summary>
    public int MaxSize { get; set; } = 1000;

    /// <summary><c>group.consumer.assignors</c>, the first: the assignor of a group whose members name none.</summary>
    public string DefaultAssignor { get; set; } = "sticky";

    /// <summary><c>offsets.retention.minutes</c>: how long offsets are kept after the group became empty.</summary>
    public TimeSpan OffsetsRetention { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How often groups that nobody uses are looked at for offsets to expire.</summary>
    public TimeSpan ExpiryCheckInterval { get; set; } = TimeSpan.FromHours(1);

    /// <summary><c>offset.metadata.max.bytes</c>: the most bytes of UTF-8 in the metadata of a committed offset.</summary>
    public int MaxOffsetMetadataBytes { get; set; } = 4096;

    /// <summary>The most partitions that a group keeps an offset of.</summary>
    public int MaxOffsets { get; set; } = 200_000;

    /// <summary>The most topics that a member may subscribe to by name.</summary>
    public int MaxSubscribedTopics { get; set; } = 1000;

    /// <summary>The most characters of a subscription's regular expression.</summary>
    public int MaxPatternLength { get; set; } = 1024;

    /// <summary>The most characters of a group id.</summary>
    public int MaxGroupIdLength { get; set; } = 255;

    /// <summary>The most characters of a member id, an instance id or a client id.</summary>
    public int MaxNameLength { get; set; } = 255;

    /// <summary>The most partitions that a heartbeat may say it owns.</summary>
    public int MaxOwnedPartitions { get; set; } = 100_000;

    /// <summary>The names of the assignors there are, for messages.</summary>
    public static string AssignorNames => Assignment.Assignors.Names;

    /// <summary>Whether there is an assignor of that name.</summary>
    public static bool IsAssignor(string name) => Assignment.Assignors.TryFind(name, out _);
}
