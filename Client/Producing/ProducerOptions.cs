using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>Settings of a producer, by Kafka's meaning of the same names.</summary>
public sealed class ProducerOptions<TKey, TValue>
{
    /// <summary>How keys become bytes; null for the default of the type (<see cref="Serializers"/>).</summary>
    public RecordSerializer<TKey>? KeySerializer { get; set; }

    /// <summary>How values become bytes; null for the default of the type (<see cref="Serializers"/>).</summary>
    public RecordSerializer<TValue>? ValueSerializer { get; set; }

    /// <summary>How a partition is chosen; null for <see cref="Partitioner.Default"/>.</summary>
    public Partitioner? Partitioner { get; set; }

    /// <summary>How records are compressed, a batch at a time. Default: not.</summary>
    public CompressionType Compression { get; set; } = CompressionType.None;

    /// <summary>Whose acknowledgement a delivery waits for. Default: all in-sync replicas.</summary>
    public Acks Acks { get; set; } = Acks.All;

    /// <summary>
    /// Whether a record that is sent twice is stored once, and the order of records kept through retries. Needs
    /// <see cref="Acks.All"/>; null, the default, is true with it and false otherwise. Without it one batch of a partition is
    /// in flight at a time, so that order is kept all the same, and a retry may store records twice.
    /// </summary>
    public bool? EnableIdempotence { get; set; }

    /// <summary>
    /// Size in bytes at which a batch is sent without waiting for more, before compression, 1 to
    /// <see cref="MaxRequestSize"/>; a smaller one is sent as soon as <see cref="LingerMs"/> allows. Default: 256 KiB.
    /// </summary>
    public int BatchSize { get; set; } = 256 * 1024;

    /// <summary>
    /// How long a record may wait for others to share its batch, in milliseconds, 0 to 60,000. With 0, the default, a record is
    /// sent at once if nothing of its partition is in flight; the more is in flight, the fuller the next batch must be. Only a
    /// dense stream of records whose deliveries nobody awaits is gathered for about 2 ms.
    /// </summary>
    public int LingerMs { get; set; }

    /// <summary>Largest record, and so largest batch, in bytes, 1 KiB to 64 MiB. Default: 1 MiB.</summary>
    public int MaxRequestSize { get; set; } = 1024 * 1024;

    /// <summary>Batches of one partition on their way at once, 1 to 5. Default: 5.</summary>
    public int MaxInFlight { get; set; } = 5;

    /// <summary>
    /// Bytes of records that may wait or be on their way, 64 KiB to 2 GiB; beyond, producing waits (asynchronously). Default: 32 MiB.
    /// </summary>
    public long BufferMemory { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// How long producing a record may wait for buffer memory and for metadata, in milliseconds, from 1. Default: 60,000.
    /// </summary>
    public int MaxBlockMs { get; set; } = 60_000;

    /// <summary>
    /// How long a record may take from being buffered to its acknowledgement, all retries included, in milliseconds; at least
    /// <see cref="LingerMs"/> + <see cref="RequestTimeoutMs"/>. Default: 120,000.
    /// </summary>
    public int DeliveryTimeoutMs { get; set; } = 120_000;

    /// <summary>How long one attempt to send a batch may take, in milliseconds, from 1. Default: 15,000.</summary>
    public int RequestTimeoutMs { get; set; } = 15_000;

    /// <summary>How long to wait before each of the first ten retries, in milliseconds, from 1; with each further one it doubles,
    /// up to <see cref="RetryBackoffMaxMs"/>. Default: 25.</summary>
    public int RetryBackoffMs { get; set; } = 25;

    /// <summary>The longest wait between retries, in milliseconds. Default: 1,000.</summary>
    public int RetryBackoffMaxMs { get; set; } = 1_000;

    /// <summary>How old the number of a topic's partitions may be before it is asked for again. Default: 1 minute.</summary>
    public TimeSpan MetadataMaxAge { get; set; } = TimeSpan.FromMinutes(1);

    internal bool IsIdempotent => EnableIdempotence ?? Acks == Acks.All;

    internal ProducerOptions<TKey, TValue> Checked()
    {
        OptionCheck.InRange(MaxRequestSize, 1024, 64 * 1024 * 1024, nameof(MaxRequestSize));
        OptionCheck.InRange(BatchSize, 1, MaxRequestSize, nameof(BatchSize));
        OptionCheck.InRange(LingerMs, 0, 60_000, nameof(LingerMs));
        OptionCheck.InRange(MaxInFlight, 1, 5, nameof(MaxInFlight));
        OptionCheck.InRange(BufferMemory, Math.Max(64 * 1024, MaxRequestSize), 2L * 1024 * 1024 * 1024, nameof(BufferMemory));
        OptionCheck.InRange(MaxBlockMs, 1, int.MaxValue, nameof(MaxBlockMs));
        OptionCheck.InRange(RequestTimeoutMs, 1, int.MaxValue, nameof(RequestTimeoutMs));
        OptionCheck.InRange(DeliveryTimeoutMs, 1, int.MaxValue, nameof(DeliveryTimeoutMs));
        OptionCheck.InRange(DeliveryTimeoutMs, (long)LingerMs + RequestTimeoutMs, int.MaxValue, nameof(DeliveryTimeoutMs));
        OptionCheck.InRange(RetryBackoffMs, 1, int.MaxValue, nameof(RetryBackoffMs));
        OptionCheck.InRange(RetryBackoffMaxMs, RetryBackoffMs, int.MaxValue, nameof(RetryBackoffMaxMs));
        OptionCheck.Positive(MetadataMaxAge, nameof(MetadataMaxAge));
        if (EnableIdempotence == true && Acks != Acks.All)
            throw OptionCheck.Refuse(nameof(Acks), Acks.ToString(), $"{nameof(EnableIdempotence)} needs {nameof(Acks.All)}");
        return (ProducerOptions<TKey, TValue>)MemberwiseClone();
    }
}
