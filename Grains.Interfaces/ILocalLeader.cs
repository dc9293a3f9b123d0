namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// The leader of a partition on this node, called without a message: what <see cref="IPartitionGrain"/> does, for those in the same
/// process who have much to send. It lasts as long as the office; after that it refuses with NotLeaderOrFollower. Thread-safe.
/// </summary>
public interface ILocalLeader
{
    /// <summary>
    /// As <see cref="IPartitionGrain.Produce"/>. The batches are appended before the call returns, unless there is no room for them
    /// in memory: so calls that are made one after the other are appended in that order. Whoever awaits it may go on on a thread that flushes
    /// logs, and must not hold that up.
    /// </summary>
    Task<ProduceResponse> ProduceAsync(ProduceRequest request);

    /// <summary>As <see cref="IPartitionGrain.Fetch"/>. It reads on the caller's thread.</summary>
    Task<FetchResponse> FetchAsync(FetchRequest request, CancellationToken cancellationToken);

    /// <summary>Bytes committed in this office: the measure for <see cref="WhenCommittedAsync"/>.</summary>
    long CommittedBytes { get; }

    /// <summary>
    /// Waits until <see cref="CommittedBytes"/> is as great, holding no memory meanwhile; look it up before the read that finds too
    /// little. False when the wait ends early: the time is over, the office ends, the silo stops, or too many wait.
    /// </summary>
    Task<bool> WhenCommittedAsync(long totalBytes, TimeSpan maxWait, CancellationToken cancellationToken);
}
