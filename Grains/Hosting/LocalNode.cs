using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Hosting;

/// <summary>Who this silo is in the cluster, as its data directory says; known once that is open. Thread-safe.</summary>
internal sealed class LocalNode(IOptions<OrleansLogOptions> options, IServiceProvider services)
{
    private readonly KafkaEndpoint? _kafka = services.GetService<KafkaEndpoint>();
    private DataDirectoryIdentity? _identity;

    /// <summary>The id of the cluster.</summary>
    public string ClusterId => Identity.ClusterId;

    /// <summary>The number of this node.</summary>
    public int NodeId => Identity.NodeId;

    /// <summary>This node, as the catalog knows it.</summary>
    public NodeDescription Description => new(
        NodeId, options.Value.Rack, options.Value.AdvertisedHost, _kafka?.AdvertisedPort ?? 0, _kafka?.AdvertisedHost);

    private DataDirectoryIdentity Identity =>
        _identity ?? throw new InvalidOperationException("The data directory is not open yet.");

    /// <summary>Called once, when the data directory is open.</summary>
    public void Identify(DataDirectoryIdentity identity) => _identity = identity;
}
