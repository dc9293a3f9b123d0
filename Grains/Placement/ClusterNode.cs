using System.Globalization;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Placement;

/// <summary>A node of the cluster that runs, as it describes itself.</summary>
/// <param name="NodeId">Its stable number.</param>
/// <param name="Silo">The silo it is at the moment; another one after a restart.</param>
/// <param name="IsActive">Whether it takes new work; a node that joins or leaves does not, but can still be reached.</param>
/// <param name="Rack">Its rack; null when none is configured.</param>
/// <param name="KafkaEndpoint">Where its Kafka listener is, as host:port; null when it has none.</param>
/// <param name="HttpEndpoint">Where its health and console are, as host:port; null when it has none.</param>
/// <param name="Gateway">Where Orleans clients reach it, as address:port; null when it has no gateway.</param>
internal sealed record ClusterNode(
    int NodeId, SiloAddress Silo, bool IsActive, string? Rack, string? KafkaEndpoint, string? HttpEndpoint, string? Gateway = null)
{
    /// <summary>The node as Kafka clients are told; null when it has no Kafka listener.</summary>
    public KafkaBroker? ToBroker()
    {
        var colon = KafkaEndpoint?.LastIndexOf(':') ?? -1;
        return colon > 0 && int.TryParse(KafkaEndpoint.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            ? new KafkaBroker(NodeId, KafkaEndpoint![..colon], port, Rack)
            : null;
    }
}
