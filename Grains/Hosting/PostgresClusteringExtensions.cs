using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansLog.Grains.Storage;

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
        return builder
            .UseAdoNetClustering((OptionsBuilder<AdoNetClusteringSiloOptions> options) =>
                options.Configure<MetadataDatabase>(static (clustering, database) =>
                {
                    clustering.Invariant = database.Invariant;
                    clustering.DataSource = database.Source;
                }))
            .Configure<ClusterMembershipOptions>(SetMembership);
    }

    private static void SetMembership(ClusterMembershipOptions membership)
    {
        // Three probes in a row without an answer, each 0.8 s: 2.4 to 3.2 s. The bounds are equal, as Orleans would otherwise go
        // down to half a second where answers are quick, and a machine under load is slower than that now and then. A probe by
        // way of a third silo would take as long again.
        membership.ProbeTimeout = membership.MinProbeTimeout = membership.MaxProbeTimeout = TimeSpan.FromMilliseconds(800);
        membership.NumMissedProbesLimit = 3;
        membership.EnableIndirectProbes = false;
        // Of three silos the two that are left must agree. (Of two, Orleans lets one decide.)
        membership.NumVotesForDeathDeclaration = 2;
        // The word of a change goes from silo to silo; the table is for those it did not reach.
        membership.TableRefreshTimeout = TimeSpan.FromSeconds(5);
        // A silo that has not signed for 15 s and does not answer holds up nobody who joins: so a part of a cluster that was
        // killed as a whole can start alone.
        membership.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
        membership.NumMissedTableIAmAliveLimit = 3;
    }
}
