using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Apis;
using OrleansLog.Kafka.Options;

namespace OrleansLog.Kafka.Server;

/// <summary>What all requests of this silo have in common. Thread-safe.</summary>
/// <param name="Grains">The grains that requests are translated to calls of.</param>
/// <param name="Cluster">What this silo knows of the cluster without asking.</param>
/// <param name="Options">The settings.</param>
/// <param name="Apis">The requests that are served.</param>
/// <param name="Budget">The bytes in memory.</param>
/// <param name="Time">The clock.</param>
internal sealed record KafkaServices(
    IGrainFactory Grains, IClusterView Cluster, KafkaOptions Options, ApiTable Apis, ByteBudget Budget, TimeProvider Time);
