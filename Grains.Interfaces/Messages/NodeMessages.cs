using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>An office that a node holds.</summary>
/// <param name="Partition">The partition it leads.</param>
/// <param name="LeaderEpoch">In which epoch.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.Leadership")]
public readonly record struct Leadership(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] int LeaderEpoch);
