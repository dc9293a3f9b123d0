using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>Reaches the replica of a partition on another node by its <see cref="IReplicaGrain"/>. Thread-safe.</summary>
internal sealed class ReplicaLink(IReplicaGrain replica, int nodeId, NodeDirectory nodes) : IReplicaLink
{
    /// <inheritdoc/>
    public async Task<FollowerLogState> BeginTermAsync(BeginTermRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        // Orleans would only say the same, in its log as well.
        if (!nodes.Current.ActiveIds.Contains(nodeId))
            throw new OrleansLogException(ErrorCode.LeaderNotAvailable, $"Node {nodeId} does not run.");
        var state = await replica.BeginTerm(new ReplicaTerm(request.LeaderEpoch, request.LeaderNode))
            .WaitAsync(cancellationToken).ConfigureAwait(false);
        return state.ToEngine();
    }

    /// <inheritdoc/>
    public async Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        var response = await replica.Replicate(request.ToMessage()).WaitAsync(cancellationToken).ConfigureAwait(false);
        return response.ToEngine();
    }
}
