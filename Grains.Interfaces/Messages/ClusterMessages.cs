namespace OrleansLog.Grains.Interfaces;

/// <summary>The cluster.</summary>
/// <param name="ClusterId">Its id, made once and kept in every data directory.</param>
/// <param name="Nodes">Its nodes, ordered by id.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ClusterDescription")]
public sealed record ClusterDescription(
    [property: Id(0)] string ClusterId,
    [property: Id(1)] IReadOnlyList<NodeDescription> Nodes);

/// <summary>A node of the cluster: a silo with a data directory.</summary>
/// <param name="NodeId">Its stable number, from 0.</param>
/// <param name="Rack">Its rack; null when none is configured.</param>
/// <param name="Host">The name or address it is reached by.</param>
/// <param name="KafkaPort">The port that Kafka clients are told; 0 when it has no Kafka listener.</param>
/// <param name="KafkaHost">The name or address that Kafka clients are told; null for <paramref name="Host"/>.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.NodeDescription")]
public sealed record NodeDescription(
    [property: Id(0)] int NodeId,
    [property: Id(1)] string? Rack,
    [property: Id(2)] string Host,
    [property: Id(3)] int KafkaPort,
    [property: Id(4)] string? KafkaHost = null)
{
    /// <summary>Where its Kafka listener is, as host:port; null when it has none.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public string? KafkaEndpoint => KafkaPort == 0 ? null : FormattableString.Invariant($"{KafkaHost ?? Host}:{KafkaPort}");
}

/// <summary>Producer ids reserved for the caller.</summary>
/// <param name="FirstId">The first.</param>
/// <param name="Count">How many, one after the other.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ProducerIdBlock")]
public readonly record struct ProducerIdBlock(
    [property: Id(0)] long FirstId,
    [property: Id(1)] int Count);
