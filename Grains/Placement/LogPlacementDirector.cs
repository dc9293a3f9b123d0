using Orleans.Runtime.Placement;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Places the grains that belong to a node; see the strategies in <see cref="PartitionLeaderPlacement"/>'s file. Where that has to be asked for, it
/// waits for an answer only so long: all who call the grain meanwhile wait along, and who is asked may be on a node that was just lost.
/// </summary>
internal sealed class LogPlacementDirector(LeaderLocator leaders, TimeProvider time) : IPlacementDirector
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(4);

    /// <inheritdoc/>
    /// <exception cref="OrleansLogException">LeaderNotAvailable: no node that could take the grain runs, or it could not be found out in time.
    /// The caller of the grain gets it.</exception>
    public async Task<SiloAddress> OnAddActivation(
        PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var grain = target.GrainIdentity;
        var finding = strategy switch
        {
            PartitionLeaderPlacement => leaders.FindAsync(PartitionKey.Parse(grain.Key.ToString()!)),
            GroupCoordinatorPlacement => leaders.FindCoordinatorAsync(grain.Key.ToString()!),
            NodePlacement => Task.FromResult(leaders.FindNode(NodeOf(grain))),
            _ => throw new NotSupportedException($"'{strategy.GetType().Name}' is not a placement of the log."),
        };
        try
        {
            return (await finding.WaitAsync(Patience, time)).Silo;
        }
        catch (TimeoutException)
        {
            throw new OrleansLogException(
                ErrorCode.LeaderNotAvailable,
                $"Where {grain} belongs was not found out within {Patience.TotalSeconds} s: whoever knows it does not answer.");
        }
    }

    private static int NodeOf(GrainId grain)
    {
        var key = grain.Key.ToString()!;
        return key.Contains('@', StringComparison.Ordinal) ? ReplicaKey.Parse(key).NodeId : checked((int)grain.GetIntegerKey());
    }
}
