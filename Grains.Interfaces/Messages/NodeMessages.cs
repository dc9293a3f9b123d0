using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>An office that a node holds.</summary>
/// <param name="Partition">The partition it leads.</param>
/// <param name="LeaderEpoch">In which epoch.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.Leadership")]
public readonly record struct Leadership(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] int LeaderEpoch);

/// <summary>The nodes that run.</summary>
/// <param name="Version">Rises with every change of the cluster's membership, and when a node has said where its gateway is.</param>
/// <param name="Silos">One name for each start of each node.</param>
/// <param name="Gateways">Where the gateways are of those that take work, as address:port.</param>
/// <param name="GatewayNodes">The ids of the nodes whose gateways those are, in the same order.</param>
/// <param name="AnsweredBy">The node that says so: the one that the question went to.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.RunningNodes")]
public sealed record RunningNodes(
    [property: Id(0)] long Version,
    [property: Id(1)] IReadOnlyList<string> Silos,
    [property: Id(2)] IReadOnlyList<string> Gateways,
    [property: Id(3)] IReadOnlyList<int>? GatewayNodes = null,
    [property: Id(4)] int AnsweredBy = -1);
