using System.Data.Common;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Orleans.Configuration;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>
/// Lets one silo of a cluster start that was killed as a whole. Orleans has a silo that joins reach every member, and leaves it
/// to the members to remove those that are dead; where all are dead, that is nobody. So while this silo joins, and only if no
/// member answers and none has signed for as long as the membership options allow, it removes them.
/// </summary>
internal sealed partial class AbandonedMembers(
    PostgresDatabase database,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<ClusterOptions> cluster,
    IOptions<ClusterMembershipOptions> options,
    TimeProvider time,
    ILogger<AbandonedMembers> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    // Long enough for members that live to sign again when the database was away and is back.
    private const int LooksInARow = 5;
    private static readonly TimeSpan LookPause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _joined = new();
    private Task _loop = Task.CompletedTask;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer)
    {
        observer.Subscribe(
            nameof(AbandonedMembers),
            ServiceLifecycleStage.AfterRuntimeGrainServices,
            _ =>
            {
                _loop = Task.Run(RunAsync, CancellationToken.None);
                return Task.CompletedTask;
            },
            _ => EndAsync());
        observer.Subscribe(nameof(AbandonedMembers), ServiceLifecycleStage.Active, _ => EndAsync());
    }

    /// <inheritdoc/>
    public void Dispose() => _joined.Dispose();

    private async Task EndAsync()
    {
        await _joined.CancelAsync();
        await _loop;
    }

    private async Task RunAsync()
    {
        try
        {
            for (var looks = 1; ; looks++)
            {
                await Task.Delay(LookPause, time, _joined.Token);
                var members = await ReadAsync();
                if (members.Count == 0 || !await AreAllAbandonedAsync(members)) looks = 0;
                if (looks < LooksInARow) continue;
                foreach (var (member, _) in members)
                {
                    LogRemoving(member);
                    await membership.TryKill(member);
                }

                looks = 0;
            }
        }
        catch (OperationCanceledException) when (_joined.IsCancellationRequested)
        {
            // The silo has joined, or stops.
        }
    }

    private async Task<bool> AreAllAbandonedAsync(IReadOnlyList<(SiloAddress Silo, bool HasSigned)> members)
    {
        if (members.Any(static member => member.HasSigned)) return false;
        var answers = await Task.WhenAll(members.Select(member => AnswersAsync(member.Silo.Endpoint)));
        return !answers.Contains(true);
    }

    /// <summary>The other active members, and whether they have signed lately by the database's clock.</summary>
    private async Task<IReadOnlyList<(SiloAddress Silo, bool HasSigned)>> ReadAsync()
    {
        var members = new List<(SiloAddress, bool)>();
        try
        {
            await using var connection = (NpgsqlConnection)await database.Source.OpenConnectionAsync(_joined.Token);
            await using var command = new NpgsqlCommand(
                """
                SELECT Address, Port, Generation, IAmAliveTime > now() - @limit
                FROM OrleansMembershipTable
                WHERE DeploymentId = @cluster AND Status = @active AND NOT (Address = @address AND Port = @port)
                """,
                connection);
            command.Parameters.AddWithValue("cluster", cluster.Value.ClusterId);
            command.Parameters.AddWithValue("active", (int)SiloStatus.Active);
            command.Parameters.AddWithValue(
                "limit", options.Value.IAmAliveTablePublishTimeout * options.Value.NumMissedTableIAmAliveLimit);
            command.Parameters.AddWithValue("address", silo.SiloAddress.Endpoint.Address.ToString());
            command.Parameters.AddWithValue("port", silo.SiloAddress.Endpoint.Port);
            await using var reader = await command.ExecuteReaderAsync(_joined.Token);
            while (await reader.ReadAsync(_joined.Token))
            {
                var address = IPAddress.Parse(reader.GetString(0));
                members.Add((SiloAddress.New(address, reader.GetInt32(1), reader.GetInt32(2)), reader.GetBoolean(3)));
            }
        }
        catch (DbException e)
        {
            LogNotRead(e.Message);
            members.Clear();
        }

        return members;
    }

    private async Task<bool> AnswersAsync(IPEndPoint endpoint)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_joined.Token);
        limit.CancelAfter(LookPause);
        try
        {
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(endpoint, limit.Token);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
        catch (OperationCanceledException) when (!_joined.IsCancellationRequested)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "No member of the cluster answers, and {Member} has not signed for long: it is removed.")]
    private partial void LogRemoving(SiloAddress member);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The members of the cluster cannot be read: {Reason}")]
    private partial void LogNotRead(string reason);
}
