using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;

namespace OrleansLog.Tests.Cluster;

/// <summary>What a test does to the metadata store of all nodes.</summary>
internal sealed class FaultyStore
{
    /// <summary>Nothing is answered but with a failure.</summary>
    public volatile bool IsAway;

    /// <summary>Nothing that is read is answered before this ends; null when it is at once.</summary>
    public volatile Task? Hanging;

    /// <summary>So many writes fail.</summary>
    public volatile int FailingWrites;

    /// <summary>Whether a write that fails is carried out all the same.</summary>
    public volatile bool CarriesOut;

    /// <summary>Puts it around the store of a silo.</summary>
    public void Wrap(ISiloBuilder silo)
    {
        var services = silo.Services;
        var at = Enumerable.Range(0, services.Count).Last(i =>
            services[i] is { IsKeyedService: true } it && it.ServiceType == typeof(IGrainStorage) && Equals(it.ServiceKey, MetadataStorage.Name));
        var make = services[at].KeyedImplementationFactory!;
        services[at] = ServiceDescriptor.KeyedSingleton<IGrainStorage>(
            MetadataStorage.Name, (provider, key) => new Store(this, (IGrainStorage)make(provider, key)));
    }

    private static OrleansLogException Failure() => new(ErrorCode.KafkaStorageError, "the metadata store is away, says the test");

    private sealed class Store(FaultyStore faults, IGrainStorage inner) : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>
    {
        public void Participate(ISiloLifecycle observer) => (inner as ILifecycleParticipant<ISiloLifecycle>)?.Participate(observer);

        public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            if (faults.IsAway) throw Failure();
            if (faults.Hanging is { } hanging) await hanging;
            await inner.ReadStateAsync(stateName, grainId, grainState);
        }

        public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        {
            if (faults.IsAway) throw Failure();
            if (Interlocked.Decrement(ref faults.FailingWrites) < 0)
            {
                Interlocked.Exchange(ref faults.FailingWrites, 0);
                await inner.WriteStateAsync(stateName, grainId, grainState);
                return;
            }

            // Who is told of a failure knows nothing of a new tag.
            if (faults.CarriesOut)
                await inner.WriteStateAsync(stateName, grainId, new GrainState<T>(grainState.State!, grainState.ETag) { RecordExists = grainState.RecordExists });
            throw Failure();
        }

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
            faults.IsAway ? Task.FromException(Failure()) : inner.ClearStateAsync(stateName, grainId, grainState);
    }
}
