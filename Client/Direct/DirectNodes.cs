using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;

namespace OrleansLog.Client;

/// <summary>
/// The nodes that a client may produce to by direct connections, one each, made when it is first wanted: to the gateways' ports, under
/// the addresses that the cluster knows them by. Where there is none, calls go by Orleans. Thread-safe.
/// </summary>
internal sealed class DirectNodes(OrleansLogClientOptions options, TimeProvider time, ILoggerFactory loggers) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ILogger _log = loggers.CreateLogger("OrleansLog.Client.DirectNodes");
    private readonly ConcurrentDictionary<IPEndPoint, DirectTarget<ProduceChannel>> _targets = new();
    private IReadOnlyDictionary<int, IPEndPoint> _nodes = new Dictionary<int, IPEndPoint>();
    private volatile bool _isDisposed;

    /// <summary>The connection to a node; null when there is none, and then one is made if it can be.</summary>
    public ProduceChannel? Find(int nodeId)
    {
        if (_isDisposed || !Volatile.Read(ref _nodes).TryGetValue(nodeId, out var endpoint)) return null;
        return _targets.GetOrAdd(endpoint, TargetOf).Current;
    }

    /// <summary>Takes over which nodes run; connections to others are closed, which fails the calls on them.</summary>
    public void Update(RunningNodes running)
    {
        var nodes = new Dictionary<int, IPEndPoint>();
        foreach (var (node, gateway) in (running.GatewayNodes ?? []).Zip(running.Gateways))
            if (IPEndPoint.TryParse(gateway, out var endpoint)) nodes[node] = endpoint;
        Volatile.Write(ref _nodes, nodes);
        CloseAllBut(nodes.Values.ToHashSet(), "its node does not run any more");
    }

    /// <summary>Closes all.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        CloseAllBut([], "the client is disposed of");
    }

    private void CloseAllBut(HashSet<IPEndPoint> kept, string why)
    {
        foreach (var endpoint in _targets.Keys)
            if (!kept.Contains(endpoint) && _targets.TryRemove(endpoint, out var gone)) gone.Close(why);
    }

    private DirectTarget<ProduceChannel> TargetOf(IPEndPoint endpoint) => new(
        () => ConnectAsync(endpoint),
        static channel => channel.IsClosed,
        static (channel, reason) => channel.Close(reason),
        reason =>
        {
            if (_log.IsEnabled(LogLevel.Information))
                _log.LogInformation("There is no direct connection to {Endpoint}, so calls go by Orleans: {Reason}", endpoint, reason.Message);
        },
        time);

    private async Task<ProduceChannel> ConnectAsync(IPEndPoint endpoint)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        var channel = new ProduceChannel(
            ProduceChannel.Connect(endpoint, Patience), string.Create(CultureInfo.InvariantCulture, $"produce to {endpoint}"));
        var greeting = new DirectGreeting(DirectGreeting.CurrentVersion, DirectRole.Producer, options.ClusterId, options.ServiceId);
        await channel.GreetAsync(greeting, patience.Token).ConfigureAwait(false);
        return channel;
    }
}
