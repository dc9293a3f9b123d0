using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>A record that was read.</summary>
public readonly struct ConsumerRecord<TKey, TValue>
{
    internal ConsumerRecord(
        string topic, int partition, long offset, long timestampMs, TKey key, TValue value, IReadOnlyList<RecordHeader> headers)
    {
        Topic = topic;
        Partition = partition;
        Offset = offset;
        TimestampMs = timestampMs;
        Key = key;
        Value = value;
        Headers = headers;
    }

    /// <summary>The topic it is in.</summary>
    public string Topic { get; }

    /// <summary>The partition it is in.</summary>
    public int Partition { get; }

    /// <summary>Its offset.</summary>
    public long Offset { get; }

    /// <summary>Its time in milliseconds since the Unix epoch; -1 for none.</summary>
    public long TimestampMs { get; }

    /// <summary>Its time.</summary>
    public DateTimeOffset Timestamp => DateTimeOffset.FromUnixTimeMilliseconds(Math.Max(0, TimestampMs));

    /// <summary>Its key.</summary>
    public TKey Key { get; }

    /// <summary>Its value.</summary>
    public TValue Value { get; }

    /// <summary>Its headers, in their order; a copy that may be kept.</summary>
    public IReadOnlyList<RecordHeader> Headers { get; }

    /// <summary>The partition it is in.</summary>
    public TopicPartition TopicPartition => new(Topic, Partition);
}
