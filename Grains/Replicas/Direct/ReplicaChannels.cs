using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Direct;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Grains.Placement;

namespace OrleansLog.Grains.Replicas.Direct;

/// <summary>
/// The direct connections from this node to those that its leaders push to, one each. Where none can be made, pushes go as calls of
/// grains, and it is tried again later. Thread-safe.
/// </summary>
internal sealed partial class ReplicaChannels(
    NodeDirectory nodes,
    DirectConnections own,
    LocalNode node,
    IOptions<OrleansLogOptions> options,
    IConnectionWatcher watcher,
    TimeProvider time,
    ILogger<ReplicaChannels> logger) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<SiloAddress, DirectTarget<ReplicaChannel>> _targets = new();
    private volatile bool _isDisposed;

    /// <summary>The connection to a node, which is made if there is none; null when there can be none at the moment. Does not fail.</summary>
    public Task<ReplicaChannel?> FindAsync(int nodeId)
    {
        // Where this node is not reached that way, neither are others: the network of a test is no network.
        if (!options.Value.DirectConnections || !own.IsListening || _isDisposed || nodes.Current.Find(nodeId) is not { } other)
            return Task.FromResult<ReplicaChannel?>(null);
        foreach (var (silo, gone) in _targets)
            if (nodes.Current.Find(silo) is null && _targets.TryRemove(silo, out _)) gone.Close("its silo does not run any more");
        var target = _targets.GetOrAdd(other.Silo, TargetOf);
        // It may have been disposed of in between.
        if (_isDisposed) target.Close("the silo stops");
        return target.FindAsync();
    }

    /// <summary>Closes all.</summary>
    public void Dispose()
    {
        _isDisposed = true;
        foreach (var target in _targets.Values) target.Close("the silo stops");
    }

    private DirectTarget<ReplicaChannel> TargetOf(SiloAddress silo) => new(
        () => ConnectAsync(silo),
        static channel => channel.IsClosed,
        static (channel, reason) => channel.Close(reason),
        reason => LogNotConnected(silo, reason.Message),
        time);

    private async Task<ReplicaChannel> ConnectAsync(SiloAddress silo)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        var channel = new ReplicaChannel(
            ReplicaChannel.Connect(silo.Endpoint, Patience), $"pushes to {silo.Endpoint}", reason => OnEnded(silo, reason));
        var greeting = new DirectGreeting(DirectGreeting.CurrentVersion, DirectRole.Leader, node.ClusterId, silo.ToParsableString());
        await channel.GreetAsync(greeting, patience.Token);
        LogConnected(silo);
        return channel;
    }

    // A process that ends takes its connections along: that is worth a look.
    private void OnEnded(SiloAddress silo, Exception reason)
    {
        LogEnded(silo, reason.Message);
        if (!_isDisposed && _targets.TryGetValue(silo, out var target) && target.WasConnected) watcher.NoteTrouble(silo.Endpoint);
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "Pushes to {Silo} go by a direct connection.")]
    private partial void LogConnected(SiloAddress silo);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The direct connection to {Silo} has ended: {Reason}")]
    private partial void LogEnded(SiloAddress silo, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "There is no direct connection to {Silo}, so pushes go as calls of grains: {Reason}")]
    private partial void LogNotConnected(SiloAddress silo, string reason);
}
