using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Partitions;

namespace OrleansLog.Grains.Replicas;

/// <summary>The use of an open replica until it is disposed of; doing that twice is harmless.</summary>
internal sealed class ReplicaLease(LogLease log, PartitionFollower follower, Action release) : IAsyncDisposable
{
    private Action? _release = release;

    /// <summary>The log.</summary>
    public PartitionLog Log => log.Log;

    /// <summary>What follows other nodes' leaders with it.</summary>
    public PartitionFollower Follower => follower;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _release, null) is not { } once) return;
        // The follower first: it is closed before its log is.
        once();
        await log.DisposeAsync();
    }
}
