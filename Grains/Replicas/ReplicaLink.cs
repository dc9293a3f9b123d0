using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas.Direct;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// Reaches the replica of a partition on another node: begins terms by its <see cref="IReplicaGrain"/>, and pushes by the direct
/// connection to its node, where there is one when the term begins, and otherwise by the grain as well. Thread-safe.
/// </summary>
internal sealed class ReplicaLink(
    TopicPartition partition, IReplicaGrain replica, int nodeId, NodeDirectory nodes, ReplicaChannels channels) : IReplicaLink
{
    private ReplicaChannel? _channel;

    /// <inheritdoc/>
    public async Task<FollowerLogState> BeginTermAsync(BeginTermRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        // Orleans would only say the same, in its log as well.
        if (!nodes.Current.ActiveIds.Contains(nodeId))
            throw new OrleansLogException(ErrorCode.LeaderNotAvailable, $"Node {nodeId} does not run.");
        var connecting = channels.FindAsync(nodeId);
        var state = await replica.BeginTerm(new ReplicaTerm(request.LeaderEpoch, request.LeaderNode))
            .WaitAsync(cancellationToken).ConfigureAwait(false);
        Volatile.Write(ref _channel, await connecting.WaitAsync(cancellationToken).ConfigureAwait(false));
        return state.ToEngine();
    }

    /// <inheritdoc/>
    public Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Volatile.Read(ref _channel) is { } channel
            ? channel.ReplicateAsync(partition, request, cancellationToken)
            : ByGrainAsync(request, cancellationToken);
    }

    private async Task<ReplicateResponse> ByGrainAsync(ReplicateRequest request, CancellationToken cancellationToken)
    {
        var response = await replica.Replicate(request.ToMessage()).WaitAsync(cancellationToken).ConfigureAwait(false);
        return response.ToEngine();
    }
}
