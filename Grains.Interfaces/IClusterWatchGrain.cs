using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// Tells clients which nodes run (any key; it is on whatever node the client is connected to). A call that was under way to a
/// node that died is not answered, and its sender hears nothing of that by itself.
/// </summary>
[Alias("OrleansLog.IClusterWatchGrain")]
public interface IClusterWatchGrain : IGrainWithIntegerKey
{
    /// <summary>The nodes that run, as soon as that is another version than <paramref name="knownVersion"/>.</summary>
    /// <param name="knownVersion">The version that the caller has; -1 for none.</param>
    /// <param name="maxWaitMs">How long to wait for another, from 0.</param>
    [AlwaysInterleave, Alias("Watch")]
    Task<RunningNodes> Watch(long knownVersion, int maxWaitMs);
}
