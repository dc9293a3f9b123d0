using System.Net;
using Orleans.Messaging;

namespace OrleansLog.Client;

/// <summary>
/// The gateways that a client was given, without those whose nodes the cluster says are gone: Orleans would go on sending to one
/// that merely hangs. A gateway that the cluster knows under another address than the client does is left alone. Thread-safe.
/// </summary>
internal sealed class WatchedGateways(IReadOnlyList<IPEndPoint> endpoints) : IGatewayListProvider
{
    /// <summary>How often Orleans asks, which costs nothing but a look at a list.</summary>
    public static readonly TimeSpan RefreshPeriod = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private readonly HashSet<string> _seen = [];
    private HashSet<string> _live = [];

    public TimeSpan MaxStaleness => RefreshPeriod;

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    /// <summary>Takes over which gateways there are, as address:port.</summary>
    public void Update(IEnumerable<string> live)
    {
        lock (_gate)
        {
            _live = [.. live];
            _seen.UnionWith(_live);
        }
    }

    /// <summary>How many may be called.</summary>
    public int Count => There().Count;

    public Task<IList<Uri>> GetGateways()
    {
        IList<Uri> uris = [.. There().Select(static endpoint => endpoint.ToGatewayUri())];
        return Task.FromResult(uris);
    }

    private IReadOnlyList<IPEndPoint> There()
    {
        lock (_gate)
        {
            IPEndPoint[] there = [.. endpoints.Where(endpoint => !_seen.Contains(endpoint.ToString()) || _live.Contains(endpoint.ToString()))];
            return there.Length > 0 ? there : endpoints;
        }
    }
}
