using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;

namespace OrleansLog.Grains.Replicas;

/// <summary>What all leaders of this node have in common towards their followers. Thread-safe.</summary>
internal sealed class ReplicationSettings(IOptions<OrleansLogOptions> options, TimeProvider time) : IDisposable
{
    /// <summary>The bounds.</summary>
    public ReplicationOptions Options { get; } = ReplicationOptions.Default with
    {
        LagTimeMax = options.Value.ReplicaLagTimeMax,
    };

    /// <summary>Slows down what followers that catch up are sent; null for no limit.</summary>
    public CatchUpThrottle? Throttle { get; } = NewThrottle(options.Value.MaxCatchUpBytesPerSecond, time);

    /// <summary>Slows down what replicas are sent that a reassignment adds; null for no limit.</summary>
    public CatchUpThrottle? ReassignmentThrottle { get; } = NewThrottle(options.Value.MaxReassignmentBytesPerSecond, time);

    /// <summary>Has followers told of high watermarks.</summary>
    public WatermarkTells Tells { get; } = new(time, ReplicationOptions.Default.HighWatermarkDelay);

    /// <inheritdoc/>
    public void Dispose() => Tells.Dispose();

    private static CatchUpThrottle? NewThrottle(long bytesPerSecond, TimeProvider time) =>
        bytesPerSecond > 0 ? new CatchUpThrottle(bytesPerSecond, time) : null;
}
