using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>A record to be produced.</summary>
/// <param name="topic">The topic.</param>
/// <param name="key">The key; what the serializer takes for null is no key.</param>
/// <param name="value">The value; what the serializer takes for null is a tombstone.</param>
public readonly struct ProducerRecord<TKey, TValue>(string topic, TKey key, TValue value)
{
    /// <summary>The topic.</summary>
    public string Topic { get; } = topic;

    /// <summary>The key.</summary>
    public TKey Key { get; } = key;

    /// <summary>The value.</summary>
    public TValue Value { get; } = value;

    /// <summary>The partition, from 0; null to let the partitioner choose.</summary>
    public int? Partition { get; init; }

    /// <summary>The record's time; null for now.</summary>
    public DateTimeOffset? Timestamp { get; init; }

    /// <summary>The record's headers; null for none.</summary>
    public IReadOnlyList<RecordHeader>? Headers { get; init; }
}
