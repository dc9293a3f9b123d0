using Orleans.Runtime.Placement;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Placement;

/// <summary>Places the grains that belong to a node; see the strategies in <see cref="PartitionLeaderPlacement"/>'s file.</summary>
internal sealed class LogPlacementDirector(LeaderLocator leaders) : IPlacementDirector
{
    /// <inheritdoc/>
    /// <exception cref="Records.OrleansLogException">LeaderNotAvailable: no node that could take the grain runs, or it could not be found out in
    /// time. The caller of the grain gets it.</exception>
    public async Task<SiloAddress> OnAddActivation(
        PlacementStrategy strategy, PlacementTarget target, IPlacementContext context) => strategy switch
    {
        PartitionLeaderPlacement => (await leaders.FindAsync(PartitionKey.Parse(target.GrainIdentity.Key.ToString()!))).Silo,
        GroupCoordinatorPlacement => (await leaders.FindCoordinatorAsync(target.GrainIdentity.Key.ToString()!)).Silo,
        NodePlacement => leaders.FindNode(NodeOf(target.GrainIdentity)).Silo,
        _ => throw new NotSupportedException($"'{strategy.GetType().Name}' is not a placement of the log."),
    };

    private static int NodeOf(GrainId grain)
    {
        var key = grain.Key.ToString()!;
        return key.Contains('@', StringComparison.Ordinal) ? ReplicaKey.Parse(key).NodeId : checked((int)grain.GetIntegerKey());
    }
}
