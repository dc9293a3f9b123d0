using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>Reads who leads a partition from the store, for those who are not its leader. Thread-safe.</summary>
internal sealed class StoredOffices(IServiceProvider services, IGrainFactory grains)
{
    /// <summary>The name of the state in the store.</summary>
    public const string StateName = "partition";

    /// <summary>What is stored; an office of epoch -1 when nothing is.</summary>
    /// <exception cref="OrleansLogException">KafkaStorageError: the store does not answer.</exception>
    public async Task<PartitionOffice> ReadAsync(TopicPartition partition)
    {
        var state = new GrainState<PartitionOffice>();
        await services.GetRequiredKeyedService<IGrainStorage>(Storage.MetadataStorage.Name)
            .ReadStateAsync(StateName, grains.GetPartition(partition).GetGrainId(), state);
        return state.State ?? new PartitionOffice();
    }
}
