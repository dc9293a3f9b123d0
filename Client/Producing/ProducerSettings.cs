using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>The options of a producer that do not depend on its types of keys and values.</summary>
internal sealed record ProducerSettings(
    CompressionType Compression,
    Acks Acks,
    bool Idempotent,
    int BatchSize,
    int MaxRequestSize,
    int MaxInFlight,
    long BufferMemory,
    TimeSpan Linger,
    TimeSpan MaxBlock,
    TimeSpan DeliveryTimeout,
    TimeSpan RequestTimeout,
    TimeSpan RetryBackoff,
    TimeSpan RetryBackoffMax,
    TimeSpan MetadataMaxAge)
{
    public static ProducerSettings From<TKey, TValue>(ProducerOptions<TKey, TValue> options) => new(
        options.Compression,
        options.Acks,
        options.IsIdempotent,
        options.BatchSize,
        options.MaxRequestSize,
        // Nobody puts the batches of a producer without sequence numbers back in order, so only one may be on its way.
        options.IsIdempotent ? options.MaxInFlight : 1,
        options.BufferMemory,
        TimeSpan.FromMilliseconds(options.LingerMs),
        TimeSpan.FromMilliseconds(options.MaxBlockMs),
        TimeSpan.FromMilliseconds(options.DeliveryTimeoutMs),
        TimeSpan.FromMilliseconds(options.RequestTimeoutMs),
        TimeSpan.FromMilliseconds(options.RetryBackoffMs),
        TimeSpan.FromMilliseconds(options.RetryBackoffMaxMs),
        options.MetadataMaxAge);
}
