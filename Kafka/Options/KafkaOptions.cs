namespace OrleansLog.Kafka.Options;

/// <summary>
/// The settings of the Kafka listener, bound from the configuration section <see cref="SectionName"/> and checked when the silo
/// starts. Sizes are in bytes.
/// </summary>
public sealed class KafkaOptions
{
    /// <summary>The configuration section these are bound from.</summary>
    public const string SectionName = "OrleansLog:Kafka";

    /// <summary>Whether the silo speaks the Kafka protocol.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>The port listened on, 1 to 65535.</summary>
    public int Port { get; set; } = 9092;

    /// <summary>The address listened on; null for loopback where the advertised host is, and all of the machine's otherwise.</summary>
    public string? ListenAddress { get; set; }

    /// <summary>Kafka's <c>advertised.listeners</c>: the name or address Kafka clients are told; null for <c>AdvertisedHost</c>.</summary>
    public string? AdvertisedHost { get; set; }

    /// <summary>The port Kafka clients are told; null for <see cref="Port"/>.</summary>
    public int? AdvertisedPort { get; set; }

    /// <summary>Kafka's <c>auto.create.topics.enable</c>: whether a topic that a client asks for is made.</summary>
    public bool AutoCreateTopics { get; set; } = true;

    /// <summary>Kafka's <c>max.connections</c>: one more is closed at once.</summary>
    public int MaxConnections { get; set; } = 10_000;

    /// <summary>
    /// How many connections may have a thread of their own, which the kernel wakes when something comes; the others share the thread
    /// pool. A thread that rests costs some 100 KiB of memory.
    /// </summary>
    public int ConnectionThreads { get; set; } = 64;

    /// <summary>Kafka's <c>connections.max.idle.ms</c>: a connection on which nothing comes for so long is closed.</summary>
    public TimeSpan ConnectionsMaxIdle { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>Kafka's <c>socket.request.max.bytes</c>: a larger request ends its connection.</summary>
    public int SocketRequestMaxBytes { get; set; } = 100 * 1024 * 1024;

    /// <summary>How many requests of one connection are taken in before the first of them is answered.</summary>
    public int MaxInFlightRequests { get; set; } = 32;

    /// <summary>How many bytes of requests one connection may have in memory; a single larger request is still taken in.</summary>
    public int MaxConnectionBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>Kafka's <c>queued.max.request.bytes</c>: bytes of requests and responses in memory, of all connections; beyond,
    /// no more is read.</summary>
    public long MaxBufferedBytes { get; set; } = 512 * 1024 * 1024;

    /// <summary>How long a client may take to send a request or to take a response while others wait for room in
    /// <see cref="MaxBufferedBytes"/>; then the slowest is disconnected. As long as nobody waits, it may take any time.</summary>
    public TimeSpan SlowClientTimeout { get; set; } = TimeSpan.FromSeconds(10);
}
