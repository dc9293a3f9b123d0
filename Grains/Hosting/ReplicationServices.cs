using Microsoft.Extensions.DependencyInjection;
using Orleans.GrainDirectory;
using Orleans.Runtime.GrainDirectory;
using Orleans.Runtime.Hosting;
using OrleansLog.Grains.Direct;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Grains.Replicas.Direct;
using OrleansLog.Grains.Topics;

namespace OrleansLog.Grains.Hosting;

/// <summary>The services by which grains are placed on nodes, replicate and fail over.</summary>
internal static class ReplicationServices
{
    /// <summary>Adds them. Once for a silo.</summary>
    public static IServiceCollection AddReplication(this IServiceCollection services)
    {
        services.AddSingleton<LocationCache>();
        services.AddSingleton<IGrainDirectoryCache>(provider => provider.GetRequiredService<LocationCache>());
        services.AddGrainDirectory<IGrainDirectory>(
            NodeBoundDirectory.Name, (provider, _) => ActivatorUtilities.CreateInstance<NodeBoundDirectory>(provider));
        services.AddPlacementDirector<PartitionLeaderPlacement, LogPlacementDirector>();
        services.AddPlacementDirector<NodePlacement, LogPlacementDirector>();
        services.AddPlacementDirector<GroupCoordinatorPlacement, LogPlacementDirector>();
        services.AddSingleton<LeaderHints>();
        services.AddSingleton<LeaderLocator>();
        services.AddSingleton<StoredOffices>();
        services.AddSingleton<TopicCopies>();
        services.AddSingleton<NodeReplicas>();
        services.AddSingleton<ReplicationSettings>();
        services.AddParticipant<DirectConnections>();
        services.AddSingleton<IDirectConnections>(provider => provider.GetRequiredService<DirectConnections>());
        services.AddSingleton<IDirectService, PushService>();
        services.AddSingleton<IDirectService, ProduceService>();
        services.AddSingleton<ReplicaChannels>();
        services.AddParticipant<LeaderAnnouncer>();
        services.AddParticipant<LeaderFailover>();
        services.AddParticipant<LeaderBalancer>();
        services.AddParticipant<CrashDetector>();
        services.AddParticipant<LogScrubber>();
        services.AddSingleton<TakeoverRehearsal>();
        services.AddSingleton<OwnPartitions>();
        services.AddSingleton<ReplicaStandings>();
        services.AddParticipant<ReplicaKeeper>();
        services.AddParticipant<ReadyFile>();
        services.AddSingleton<IConnectionWatcher>(provider => provider.GetRequiredService<CrashDetector>());
        return services;
    }

    private static void AddParticipant<T>(this IServiceCollection services)
        where T : class, ILifecycleParticipant<ISiloLifecycle>
    {
        services.AddSingleton<T>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<T>());
    }
}
