using System.Collections.Concurrent;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>A cluster in memory, as far as a client can tell: it hands out fake grains in place of references.</summary>
internal sealed class FakeCluster : IGrainFactory
{
    public ConcurrentDictionary<string, FakeTopic> Topics { get; } = new();

    public ConcurrentDictionary<TopicPartition, FakePartition> Partitions { get; } = new();

    public ConcurrentDictionary<string, FakeGroup> Groups { get; } = new();

    public FakeCatalog Catalog { get; } = new();

    public FakePartition this[string topic, int partition = 0] => Partitions[new TopicPartition(topic, partition)];

    public FakeCluster WithTopic(string name, int partitions = 1, params (string Name, string Value)[] configs)
    {
        for (var i = 0; i < partitions; i++) Partitions.GetOrAdd(new TopicPartition(name, i), static tp => new FakePartition(tp));
        Topics[name] = new FakeTopic(name, partitions, configs.ToDictionary(static c => c.Name, static c => c.Value));
        return this;
    }

    public FakeGroup Group(string id) => Groups.GetOrAdd(id, static _ => new FakeGroup());

    public OrleansLogClient Connect(TimeProvider? time = null, DirectNodes? direct = null) =>
        new(this, new OrleansLogClientOptions(), time: time, connectionMonitor: Connection, direct: direct);

    public ConnectionMonitor Connection { get; } = new();

    public FakeWatch Watch { get; } = new();

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey =>
        typeof(TGrainInterface) == typeof(IClusterWatchGrain) ? (TGrainInterface)Watch.Of(primaryKey) : (TGrainInterface)(object)Catalog;

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey
    {
        if (typeof(TGrainInterface) == typeof(IPartitionGrain))
        {
            var partition = PartitionKey.Parse(primaryKey);
            return (TGrainInterface)(object)Partitions.GetOrAdd(partition, static tp => new FakePartition(tp) { IsUnknown = true });
        }

        return typeof(TGrainInterface) == typeof(IConsumerGroupGrain) ? (TGrainInterface)(object)Group(primaryKey)
            : (TGrainInterface)(object)Topics.GetOrAdd(primaryKey, static name => new FakeTopic(name, 0, []));
    }

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidCompoundKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerCompoundKey => throw new NotSupportedException();

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId) where TGrainInterface : IAddressable =>
        throw new NotSupportedException();

    public IAddressable GetGrain(GrainId grainId) => throw new NotSupportedException();

    public IAddressable GetGrain(GrainId grainId, GrainInterfaceType interfaceType) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) => throw new NotSupportedException();

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) => throw new NotSupportedException();

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey, string grainClassNamePrefix) => throw new NotSupportedException();

    public IAddressable GetGrain(Type interfaceType, IdSpan grainKey) => throw new NotSupportedException();

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => throw new NotSupportedException();

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver => throw new NotSupportedException();
}
