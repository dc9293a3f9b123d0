using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Runtime.MembershipService.SiloMetadata;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Says who this node is, as Orleans silo metadata, by which every other silo learns it. Orleans reads its metadata before the
/// silo starts, but which node this is only its data directory tells: so the entries are added then, before the silo has a port.
/// </summary>
internal sealed class NodeMetadata(
    Dictionary<string, string> entries, LocalNode localNode, INodeIdentity identity, IServiceProvider services)
    : ILifecycleParticipant<ISiloLifecycle>
{
    /// <summary>The node's number.</summary>
    public const string NodeIdKey = "orleanslog.node.id";

    /// <summary>The node's rack; missing when it has none.</summary>
    public const string RackKey = "orleanslog.node.rack";

    /// <summary>The id of the cluster whose data it holds.</summary>
    public const string ClusterIdKey = "orleanslog.cluster.id";

    /// <summary>Where its Kafka listener is, as host:port; missing when it has none.</summary>
    public const string KafkaEndpointKey = "orleanslog.kafka.endpoint";

    /// <summary>Where its health and console are, as host:port; missing when it has none.</summary>
    public const string HttpEndpointKey = "orleanslog.http.endpoint";

    /// <summary>Where Orleans clients reach it, as address:port; missing when it has no gateway.</summary>
    public const string GatewayKey = "orleanslog.gateway";

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(NodeMetadata),
        LogStage.DataDirectory + 1,
        cancellation =>
        {
            Publish();
            return identity.PublishAsync(entries, cancellation);
        });

    private void Publish()
    {
        foreach (var (key, value) in Describe(localNode.ClusterId, localNode.Description)) entries[key] = value;
        if (services.GetRequiredService<ILocalSiloDetails>().GatewayAddress is { } gateway)
            entries[GatewayKey] = gateway.Endpoint.ToString();
        // What Orleans hands out are these options. Configuring them once more takes the new entries over.
        var metadata = services.GetRequiredService<IOptions<SiloMetadata>>().Value;
        foreach (var configure in services.GetServices<IConfigureOptions<SiloMetadata>>()) configure.Configure(metadata);
    }

    private static IEnumerable<KeyValuePair<string, string>> Describe(string clusterId, NodeDescription node)
    {
        yield return new(NodeIdKey, FormattableString.Invariant($"{node.NodeId}"));
        yield return new(ClusterIdKey, clusterId);
        if (node.Rack is { } rack) yield return new(RackKey, rack);
        if (node.KafkaEndpoint is { } kafka) yield return new(KafkaEndpointKey, kafka);
    }
}
