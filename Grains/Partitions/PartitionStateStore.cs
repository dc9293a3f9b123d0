using Orleans.Storage;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Stores the replicas, in sync or not, for the leader of a partition, by compare-and-set of the office that its grain keeps. The leader
/// calls from threads of its own; what touches the grain's state runs on the grain's turns. Thread-safe.
/// </summary>
/// <param name="partition">The partition.</param>
/// <param name="office">The office; used on the grain's turns.</param>
/// <param name="turns">The grain's scheduler.</param>
internal sealed class PartitionStateStore(TopicPartition partition, Durable<PartitionOffice> office, TaskScheduler turns)
    : IPartitionStateStore
{
    /// <inheritdoc/>
    public Task<PartitionState> ChangeAsync(PartitionState expected, PartitionState next, CancellationToken cancellationToken) =>
        Task.Factory.StartNew(
            () => ChangeOnTurnAsync(expected, next), cancellationToken, TaskCreationOptions.DenyChildAttach, turns).Unwrap();

    private async Task<PartitionState> ChangeOnTurnAsync(PartitionState expected, PartitionState next)
    {
        try
        {
            return (await office.UpdateAsync(Change)).ToState();
        }
        catch (InconsistentStateException)
        {
            // Somebody else wrote, or an earlier write of this one took effect though it failed. What is there now decides.
            await office.RefreshAsync();
            var stored = office.Value.ToState();
            Check(stored);
            return stored;
        }

        PartitionOffice Change(PartitionOffice before)
        {
            var state = before.ToState();
            Check(state);
            return state.Version == expected.Version ? before.With(next) : before;
        }

        void Check(PartitionState stored)
        {
            if (stored.LeaderEpoch == expected.LeaderEpoch && stored.Leader == expected.Leader) return;
            throw new OrleansLogException(
                ErrorCode.FencedLeaderEpoch,
                $"Node {expected.Leader} led {partition} in epoch {expected.LeaderEpoch}, which is over: node {stored.Leader} leads "
                + $"in epoch {stored.LeaderEpoch}.");
        }
    }
}
