using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;

namespace OrleansLog.Grains.Replicas;

/// <summary>What all leaders of this node have in common towards their followers. Thread-safe.</summary>
internal sealed class ReplicationSettings(IOptions<OrleansLogOptions> options, TimeProvider time)
{
    /// <summary>The bounds.</summary>
    public ReplicationOptions Options { get; } = ReplicationOptions.Default with
    {
        LagTimeMax = options.Value.ReplicaLagTimeMax,
    };

    /// <summary>Slows down what followers that catch up are sent; null for no limit.</summary>
    public CatchUpThrottle? Throttle { get; } =
        options.Value.MaxCatchUpBytesPerSecond > 0 ? new CatchUpThrottle(options.Value.MaxCatchUpBytesPerSecond, time) : null;
}
