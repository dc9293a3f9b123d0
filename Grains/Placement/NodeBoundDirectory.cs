using Orleans.GrainDirectory;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// The directory of the grains that belong to a node. It stores nothing, so that the death of a silo takes no entry along and
/// nothing has to be handed over: where a grain is follows from who leads (<see cref="LeaderLocator"/>). Two activations of one
/// leader are harmless, since only the one of the greater epoch commits. A grain that is activated on a node that is not to lead
/// is refused here, by which Orleans forwards its calls and tells the silo that sent them.
/// </summary>
internal sealed class NodeBoundDirectory(LeaderLocator leaders, IGrainFactory grains) : IGrainDirectory
{
    /// <summary>The name by which grain classes ask for it.</summary>
    public const string Name = "OrleansLog";

    private readonly GrainType _partitionType = grains.GetPartition(new TopicPartition("a", 0)).GetGrainId().Type;
    private readonly GrainType _groupType = grains.GetConsumerGroup("a").GetGrainId().Type;

    /// <inheritdoc/>
    public async Task<GrainAddress?> Register(GrainAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        var home = await FindHomeAsync(address.GrainId);
        return home is null || home.Equals(address.SiloAddress)
            ? address
            : new GrainAddress { GrainId = address.GrainId, SiloAddress = home };
    }

    /// <inheritdoc/>
    public Task<GrainAddress?> Register(GrainAddress address, GrainAddress? previousAddress) => Register(address);

    /// <inheritdoc/>
    public Task Unregister(GrainAddress address) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult<GrainAddress?>(null);

    /// <inheritdoc/>
    public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;

    private async Task<SiloAddress?> FindHomeAsync(GrainId grain)
    {
        try
        {
            if (grain.Type == _partitionType)
                return (await leaders.FindStoredAsync(PartitionKey.Parse(grain.Key.ToString()!))).Silo;
            return grain.Type == _groupType ? (await leaders.FindCoordinatorAsync(grain.Key.ToString()!)).Silo : null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Nobody can say. The grain finds out by itself, and tells its caller.
            return null;
        }
    }
}
