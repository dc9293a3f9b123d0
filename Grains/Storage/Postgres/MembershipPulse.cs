using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Configuration;
using OrleansLog.Grains.Hosting;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>
/// Keeps a member's signature and its view of the membership fresh when the database was away for long. Orleans then waits for up to a
/// minute after it is back before it signs again and reads the table again; whoever has not signed is left out when changes are passed on, and so
/// a node would not hear of those that join meanwhile. Looks as often as a member is to sign, and does nothing while Orleans does it.
/// </summary>
internal sealed partial class MembershipPulse(
    PostgresDatabase database,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<ClusterMembershipOptions> options,
    TimeProvider time,
    ILogger<MembershipPulse> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    // In signatures: later than any that is merely under way.
    private const double Overdue = 1.5;

    private readonly PeriodicWork _work = new(time);

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(MembershipPulse),
        ServiceLifecycleStage.Active,
        _ => _work.StartAsync(options.Value.IAmAliveTablePublishTimeout, async stopping => await LookAsync(stopping), LogFailed),
        _ => _work.StopAsync());

    /// <inheritdoc/>
    public void Dispose() => _work.Dispose();

    /// <summary>Signs if that is overdue, and then reads the membership anew; answers whether it was.</summary>
    public async Task<bool> LookAsync(CancellationToken cancellationToken)
    {
        await using (var connection = (NpgsqlConnection)await database.Source.OpenConnectionAsync(cancellationToken))
        {
            var isOverdue = await NodeRow.SayAliveAsync(
                connection, silo.SiloAddress, options.Value.IAmAliveTablePublishTimeout * Overdue, cancellationToken);
            if (!isOverdue) return false;
        }

        await membership.Refresh(default, cancellationToken);
        return true;
    }

    // No more than that: NodeClaim warns of a database that is away.
    [LoggerMessage(Level = LogLevel.Debug, Message = "This silo could not see to its signature in the membership; it looks again in its turn.")]
    private partial void LogFailed(Exception exception);
}
