using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>The options of a consumer that do not depend on its types of keys and values.</summary>
internal sealed record ConsumerSettings(
    string? GroupId,
    string? GroupInstanceId,
    string? Assignor,
    int RebalanceTimeoutMs,
    AutoOffsetReset AutoOffsetReset,
    bool AutoCommit,
    TimeSpan AutoCommitInterval,
    int FetchMaxBytes,
    int FetchMinBytes,
    int FetchMaxWaitMs,
    long QueuedMaxBytes,
    int MaxDecompressedBytes,
    bool CheckCrcs,
    bool ReadCommitted,
    bool StopAtEnd,
    TimeSpan RequestTimeout,
    TimeSpan RetryBackoff)
{
    /// <summary>Chunks of one partition that are fetched, waiting or being read at once.</summary>
    public const int ChunksPerPartition = 3;

    /// <summary>Least bytes that a fetch asks for, however many partitions share the memory.</summary>
    private const int LeastFetchBytes = 16 * 1024;

    public RecordBatchReaderOptions ReaderOptions { get; } = new()
    {
        MaxDecompressedBytes = MaxDecompressedBytes,
        UsePooledMemory = true,
        CheckCrc = false, // where it is wanted, it is done as soon as a batch arrives
    };

    /// <summary>What one fetch may ask for, so that all partitions together stay within <see cref="QueuedMaxBytes"/>.</summary>
    public int FetchBytes(int partitions) => (int)Math.Clamp(
        QueuedMaxBytes / ChunksPerPartition / Math.Max(1, partitions), Math.Min(LeastFetchBytes, FetchMaxBytes), FetchMaxBytes);

    public static ConsumerSettings From<TKey, TValue>(ConsumerOptions<TKey, TValue> options) => new(
        options.GroupId,
        options.GroupInstanceId,
        options.Assignor,
        options.RebalanceTimeoutMs,
        options.AutoOffsetReset,
        options.EnableAutoCommit && options.GroupId is not null,
        TimeSpan.FromMilliseconds(options.AutoCommitIntervalMs),
        options.FetchMaxBytes,
        options.FetchMinBytes,
        options.FetchMaxWaitMs,
        options.QueuedMaxBytes,
        options.MaxDecompressedBytes,
        options.CheckCrcs,
        options.ReadCommitted,
        options.StopAtEnd,
        TimeSpan.FromMilliseconds(options.RequestTimeoutMs),
        TimeSpan.FromMilliseconds(options.RetryBackoffMs));
}
