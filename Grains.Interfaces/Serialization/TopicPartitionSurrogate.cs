using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces.Serialization;

/// <summary>A <see cref="TopicPartition"/> as it is serialized; the type itself knows nothing of Orleans.</summary>
[GenerateSerializer, Immutable, Alias("OrleansLog.TopicPartition")]
public readonly record struct TopicPartitionSurrogate([property: Id(0)] string Topic, [property: Id(1)] int Partition);

/// <summary>Converts <see cref="TopicPartition"/> for serialization.</summary>
[RegisterConverter]
public sealed class TopicPartitionConverter : IConverter<TopicPartition, TopicPartitionSurrogate>
{
    /// <inheritdoc />
    public TopicPartition ConvertFromSurrogate(in TopicPartitionSurrogate surrogate) => new(surrogate.Topic, surrogate.Partition);

    /// <inheritdoc />
    public TopicPartitionSurrogate ConvertToSurrogate(in TopicPartition value) => new(value.Topic, value.Partition);
}
