using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Storage.Postgres;
using OrleansLog.Records;

namespace OrleansLog.Grains;

/// <summary>Makes silos one cluster by the PostgreSQL database that keeps their metadata.</summary>
public static class PostgresClusteringExtensions
{
    /// <summary>
    /// Keeps the membership of the cluster in the PostgreSQL database of
    /// <c>OrleansLog:Metadata:ConnectionString</c>, in the schema that the log makes there, and has a silo that hangs noticed
    /// within four seconds. Call it before <c>AddOrleansLog</c>, instead of another clustering.
    /// </summary>
    public static ISiloBuilder UsePostgresClustering(this ISiloBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static services =>
            ActivatorUtilities.CreateInstance<AbandonedMembers>(services, PostgresOf(services.GetRequiredService<MetadataDatabase>())));
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static services =>
            ActivatorUtilities.CreateInstance<MembershipPulse>(services, PostgresOf(services.GetRequiredService<MetadataDatabase>())));
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(static services =>
            services.GetRequiredService<TakeoverRehearsal>());
        builder
            .UseAdoNetClustering((OptionsBuilder<AdoNetClusteringSiloOptions> options) =>
                options.Configure<MetadataDatabase>(static (clustering, database) =>
                {
                    clustering.Invariant = PostgresOf(database).Invariant;
                    clustering.DataSource = database.Source;
                }))
            .Configure<ClusterMembershipOptions>(SetMembership)
            // A network that was cut may be whole again: the next attempt comes sooner than TCP's own next one.
            .Configure<ConnectionOptions>(static connections => connections.OpenConnectionTimeout = TimeSpan.FromSeconds(3));
        SettleMembership(builder.Services);
        return builder;
    }

    private static void SettleMembership(IServiceCollection services)
    {
        var table = services.Last(static service => service.ServiceType == typeof(IMembershipTable));
        services.Remove(table);
        services.AddSingleton<IMembershipTable>(provider =>
        {
            var votes = new LivingVotes((IMembershipTable)ActivatorUtilities.CreateInstance(provider, table.ImplementationType!));
            // The service is made with the table.
            Func<MembershipVersion, CancellationToken, Task> readAgain = (version, ending) =>
                provider.GetRequiredService<IClusterMembershipService>().Refresh(version, ending).AsTask();
            return ActivatorUtilities.CreateInstance<MembershipWrites>(provider, votes, readAgain);
        });
    }

    private static PostgresDatabase PostgresOf(MetadataDatabase database) => database as PostgresDatabase
        ?? throw new OrleansLogException(
            ErrorCode.InvalidConfig,
            $"The membership of a cluster is to be kept in PostgreSQL, but the metadata is in '{database.Name}'. Set "
            + $"{OrleansLogOptions.SectionName}:{nameof(OrleansLogOptions.Metadata)}:{nameof(MetadataStoreOptions.ConnectionString)} "
            + "to 'Host=<host>;Username=<user>;Password=<password>;Database=<database>'.");

    private static void SetMembership(ClusterMembershipOptions membership)
    {
        // Three probes in a row without an answer, 0.7 s each and one every 0.8 s or so: 2.1 to 3.1 s. The bounds are equal, as Orleans would
        // otherwise go down to half a second where answers are quick, and a machine under load is slower than that now and then. A probe by
        // way of a third silo would take as long again.
        membership.ProbeTimeout = membership.MinProbeTimeout = membership.MaxProbeTimeout = TimeSpan.FromMilliseconds(700);
        membership.NumMissedProbesLimit = 3;
        membership.EnableIndirectProbes = false;
        // Of three silos the two that are left must agree. (Of two, Orleans lets one decide.)
        membership.NumVotesForDeathDeclaration = 2;
        // The word of a change goes from silo to silo; the table is for those it did not reach.
        membership.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        // A silo that has not signed for 15 s is not asked for its vote, and holds up nobody who joins (see AbandonedMembers).
        membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
        membership.NumMissedTableIAmAliveLimit = 3;
    }
}
