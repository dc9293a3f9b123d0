using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>Settings of a consumer, by Kafka's meaning of the same names.</summary>
public sealed class ConsumerOptions<TKey, TValue>
{
    /// <summary>The consumer group; null for none: then partitions are assigned by hand and nothing is committed.</summary>
    public string? GroupId { get; set; }

    /// <summary>
    /// The static member's id: a member that leaves and comes back under the same id within the group's session timeout gets its
    /// partitions back without a rebalance. Null, the default, for a dynamic member.
    /// </summary>
    public string? GroupInstanceId { get; set; }

    /// <summary>How the coordinator spreads partitions (<see cref="Assignors"/>); null for the group's default.</summary>
    public string? Assignor { get; set; }

    /// <summary>
    /// How long the application may take from one record to the next while a rebalance wants a partition back, in milliseconds,
    /// from 1; after it the coordinator gives the partition to another. Default: 300,000.
    /// </summary>
    public int RebalanceTimeoutMs { get; set; } = 300_000;

    /// <summary>How keys are read; null for the default of the type (<see cref="Serializers"/>).</summary>
    public RecordSerializer<TKey>? KeyDeserializer { get; set; }

    /// <summary>How values are read; null for the default of the type (<see cref="Serializers"/>).</summary>
    public RecordSerializer<TValue>? ValueDeserializer { get; set; }

    /// <summary>Where to start without a committed offset. Default: latest.</summary>
    public AutoOffsetReset AutoOffsetReset { get; set; } = AutoOffsetReset.Latest;

    /// <summary>
    /// Whether positions are committed by themselves: every <see cref="AutoCommitIntervalMs"/>, when a partition is given up, and
    /// on disposal. A record counts as processed when the enumeration asks for the next one. Default: true in a group.
    /// </summary>
    public bool EnableAutoCommit { get; set; } = true;

    /// <summary>How often positions are committed, in milliseconds, from 1. Default: 5,000.</summary>
    public int AutoCommitIntervalMs { get; set; } = 5_000;

    /// <summary>Bytes that one fetch returns at most, 1 KiB to 64 MiB; one batch is returned however large it is.
    /// Default: 1 MiB.</summary>
    public int FetchMaxBytes { get; set; } = 1024 * 1024;

    /// <summary>Bytes a fetch waits for, from 1. Default: 1.</summary>
    public int FetchMinBytes { get; set; } = 1;

    /// <summary>How long a fetch waits at the end of a partition, in milliseconds, 0 to 20,000. Default: 5,000.</summary>
    public int FetchMaxWaitMs { get; set; } = 5_000;

    /// <summary>
    /// Bytes that are fetched ahead at most, all partitions together, from 64 KiB; one batch of each partition is fetched however
    /// large it is. Default: 64 MiB.
    /// </summary>
    public long QueuedMaxBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Most bytes that a batch may have when decompressed, 1 KiB to 1 GiB. Default: 64 MiB.</summary>
    public int MaxDecompressedBytes { get; set; } = 64 * 1024 * 1024;

    /// <summary>Whether the CRC of each batch is checked. Default: true.</summary>
    public bool CheckCrcs { get; set; } = true;

    /// <summary>Whether only records of committed transactions are read. Default: false.</summary>
    public bool ReadCommitted { get; set; }

    /// <summary>
    /// Whether the enumeration ends by itself once every assigned partition has been read to its high watermark. Default: false.
    /// </summary>
    public bool StopAtEnd { get; set; }

    /// <summary>How long one attempt of a call may take, in milliseconds, from 1. Default: 30,000.</summary>
    public int RequestTimeoutMs { get; set; } = 30_000;

    /// <summary>How long to wait before a failed call is tried again, in milliseconds, from 1. Default: 100.</summary>
    public int RetryBackoffMs { get; set; } = 100;

    /// <summary>
    /// Called when the group gave partitions to this consumer, before their first record; positions are set and may be changed by
    /// <see cref="Consumer{TKey,TValue}.Seek"/>. What it throws ends the enumeration.
    /// </summary>
    public RebalanceHandler<TKey, TValue>? PartitionsAssigned { get; set; }

    /// <summary>
    /// Called when the group wants partitions back: no record of theirs is handed out any more, those handed out are processed,
    /// and another member gets the partitions only after this has completed. With automatic commit, positions are committed before.
    /// </summary>
    public RebalanceHandler<TKey, TValue>? PartitionsRevoked { get; set; }

    /// <summary>
    /// Called when partitions were taken away, because this consumer was not heard of for too long: another member may have them
    /// already, and nothing can be committed for them. Null to call <see cref="PartitionsRevoked"/> in that case too.
    /// </summary>
    public RebalanceHandler<TKey, TValue>? PartitionsLost { get; set; }

    internal ConsumerOptions<TKey, TValue> Checked()
    {
        if (GroupId is not null && (GroupId.Length == 0 || GroupId.Length > 249))
            throw OptionCheck.Refuse(nameof(GroupId), $"'{GroupId}'", "it must have 1 to 249 characters, or be null for no group");
        if (GroupInstanceId is not null && GroupId is null)
            throw OptionCheck.Refuse(nameof(GroupInstanceId), $"'{GroupInstanceId}'", $"it needs a {nameof(GroupId)}");
        OptionCheck.InRange(RebalanceTimeoutMs, 1, int.MaxValue, nameof(RebalanceTimeoutMs));
        OptionCheck.InRange(AutoCommitIntervalMs, 1, int.MaxValue, nameof(AutoCommitIntervalMs));
        OptionCheck.InRange(FetchMaxBytes, 1024, 64 * 1024 * 1024, nameof(FetchMaxBytes));
        OptionCheck.InRange(FetchMinBytes, 1, FetchMaxBytes, nameof(FetchMinBytes));
        OptionCheck.InRange(FetchMaxWaitMs, 0, 20_000, nameof(FetchMaxWaitMs));
        OptionCheck.InRange(QueuedMaxBytes, 64 * 1024, long.MaxValue, nameof(QueuedMaxBytes));
        OptionCheck.InRange(MaxDecompressedBytes, 1024, 1024 * 1024 * 1024, nameof(MaxDecompressedBytes));
        OptionCheck.InRange(RequestTimeoutMs, (long)FetchMaxWaitMs + 1, int.MaxValue, nameof(RequestTimeoutMs));
        OptionCheck.InRange(RetryBackoffMs, 1, int.MaxValue, nameof(RetryBackoffMs));
        return (ConsumerOptions<TKey, TValue>)MemberwiseClone();
    }
}

/// <summary>Takes part in a rebalance of a consumer's group.</summary>
/// <param name="consumer">The consumer.</param>
/// <param name="partitions">The partitions that came or go.</param>
/// <param name="cancellationToken">Cancelled when the consumer is disposed of.</param>
public delegate ValueTask RebalanceHandler<TKey, TValue>(
    Consumer<TKey, TValue> consumer, IReadOnlyList<TopicPartition> partitions, CancellationToken cancellationToken);
