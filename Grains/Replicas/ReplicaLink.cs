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
    private int _byGrain;

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
        var channel = Volatile.Read(ref _channel);
        // One that could not be made when the term began; what went another way must not be overtaken by what goes this one.
        if (channel is null && Volatile.Read(ref _byGrain) == 0 && channels.FindAsync(nodeId) is { IsCompletedSuccessfully: true, Result: { } made })
            Volatile.Write(ref _channel, channel = made);
        return channel is not null ? channel.ReplicateAsync(partition, request, cancellationToken) : ByGrainAsync(request, cancellationToken);
    }

    private async Task<ReplicateResponse> ByGrainAsync(ReplicateRequest request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _byGrain);
        var call = replica.Replicate(request.ToMessage());
        _ = NoteEndAsync(call);
        var response = await call.WaitAsync(cancellationToken).ConfigureAwait(false);
        return response.ToEngine();
    }

    // Its failure is its caller's to see.
    private async Task NoteEndAsync(Task call)
    {
        await call.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _byGrain);
    }
}
