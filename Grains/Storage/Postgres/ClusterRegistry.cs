using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Hosting;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>
/// The identity of a silo of a cluster. The database knows the cluster's id, made with the schema, and gives out node ids; the
/// data directory keeps the one it was given. A node id is held by one silo at a time (<see cref="NodeClaim"/>).
/// </summary>
internal sealed partial class ClusterRegistry : INodeIdentity, IAsyncDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(500);

    private readonly PostgresDatabase _database;
    private readonly OrleansLogOptions _options;
    private readonly ILocalSiloDetails _silo;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly NodeClaim _claim;

    /// <summary>The identity of this silo in the cluster of <paramref name="database"/>.</summary>
    public ClusterRegistry(
        PostgresDatabase database,
        IOptions<OrleansLogOptions> options,
        ILocalSiloDetails silo,
        IHostApplicationLifetime host,
        TimeProvider time,
        ILogger<ClusterRegistry> logger)
    {
        _database = database;
        _options = options.Value;
        _silo = silo;
        _time = time;
        _logger = logger;
        _claim = new NodeClaim(database, host, time, logger);
    }

    /// <inheritdoc/>
    public Task<string> Lost => _claim.Lost;

    /// <summary>Whose the node id is, such that the same holder is the same node, started again.</summary>
    private string Holder => $"{Path.GetFullPath(_options.DataDirectory)} on {Environment.MachineName}";

    /// <inheritdoc/>
    public async Task<(string? ClusterId, int? NodeId)> DecideAsync(
        DataDirectoryIdentity? found, CancellationToken cancellationToken)
    {
        await _database.GuardAsync("be opened", () => WhenThereAsync(cancellationToken));
        var (clusterId, nodeId) = (string.Empty, 0);
        await _database.GuardAsync("say which node this is", async () =>
        {
            clusterId = await GetClusterIdAsync(cancellationToken);
            Refuse(found, clusterId);
            nodeId = _options.NodeId ?? found?.NodeId ?? await NewNodeIdAsync(cancellationToken);
            // A directory of another node is refused when it is opened, in its own words.
            if (found is null || found.NodeId == nodeId)
                await _claim.TakeAsync(clusterId, nodeId, Holder, _silo.SiloAddress, cancellationToken);
        });
        return (clusterId, nodeId);
    }

    /// <inheritdoc/>
    public Task PublishAsync(IReadOnlyDictionary<string, string> entries, CancellationToken cancellationToken) =>
        _database.GuardAsync("be written", async () =>
        {
            await using var connection = (NpgsqlConnection)await _database.Source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(
                "UPDATE OrleansLogNode SET Metadata = @metadata WHERE Endpoint = @endpoint", connection);
            command.Parameters.AddWithValue("metadata", JsonSerializer.Serialize(entries));
            command.Parameters.AddWithValue("endpoint", _silo.SiloAddress.ToParsableString());
            await command.ExecuteNonQueryAsync(cancellationToken);
        });

    /// <inheritdoc/>
    public async Task<IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>>> ReadPublishedAsync(
        CancellationToken cancellationToken)
    {
        var published = new Dictionary<SiloAddress, IReadOnlyDictionary<string, string>>();
        await _database.GuardAsync("be read", async () =>
        {
            await using var connection = (NpgsqlConnection)await _database.Source.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(
                "SELECT Endpoint, Metadata FROM OrleansLogNode WHERE Metadata IS NOT NULL", connection);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                published[SiloAddress.FromParsableString(reader.GetString(0))] =
                    JsonSerializer.Deserialize<Dictionary<string, string>>(reader.GetString(1))!;
            }
        });
        return published;
    }

    /// <inheritdoc/>
    public ValueTask ReleaseAsync() => _claim.DisposeAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _claim.DisposeAsync();

    // A cluster and its database are often started together.
    private async Task WhenThereAsync(CancellationToken cancellationToken)
    {
        var start = _time.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                await _database.EnsureSchemaAsync(cancellationToken);
                return;
            }
            catch (NpgsqlException e) when (e.IsTransient && _time.GetElapsedTime(start) < _options.Metadata.StartTimeout)
            {
                if (attempt == 0) LogWaiting(_database.Name, e.Message, _options.Metadata.StartTimeout);
                await Task.Delay(RetryPause, _time, cancellationToken);
            }
        }
    }

    /// <summary>The cluster's id; whoever asks first makes it.</summary>
    private async Task<string> GetClusterIdAsync(CancellationToken cancellationToken)
    {
        await using var connection = (NpgsqlConnection)await _database.Source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            """
            WITH made AS (
                INSERT INTO OrleansLogCluster (Id, ClusterId, NextNodeId) VALUES (1, @wanted, 1)
                ON CONFLICT DO NOTHING
                RETURNING ClusterId
            )
            SELECT ClusterId FROM made UNION ALL SELECT ClusterId FROM OrleansLogCluster
            """,
            connection);
        command.Parameters.AddWithValue("wanted", _options.ClusterId ?? DataDirectory.NewClusterId());
        // Another silo may have made it between the statement's look and its insertion; then the second look finds it.
        var id = await command.ExecuteScalarAsync(cancellationToken) ?? await command.ExecuteScalarAsync(cancellationToken);
        return (string)id!;
    }

    private void Refuse(DataDirectoryIdentity? found, string clusterId)
    {
        if (_options.ClusterId is { } configured && configured != clusterId)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidConfig,
                $"The metadata store '{_database.Name}' is that of cluster '{clusterId}', but {OrleansLogOptions.SectionName}:"
                + $"{nameof(OrleansLogOptions.ClusterId)} is '{configured}'. Correct one of the two.");
        }

        if (found is not null && found.ClusterId != clusterId)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidConfig,
                $"Data directory '{Path.GetFullPath(_options.DataDirectory)}' belongs to cluster '{found.ClusterId}', but the "
                + $"metadata store '{_database.Name}' is that of cluster '{clusterId}'. Use another directory, or the database of the "
                + "cluster that it belongs to.");
        }
    }

    private async Task<int> NewNodeIdAsync(CancellationToken cancellationToken)
    {
        await using var connection = (NpgsqlConnection)await _database.Source.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            "UPDATE OrleansLogCluster SET NextNodeId = NextNodeId + 1 RETURNING NextNodeId - 1", connection);
        return Convert.ToInt32(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The metadata store '{Name}' cannot be reached yet ({Reason}); waiting for up to {Limit}.")]
    private partial void LogWaiting(string name, string reason, TimeSpan limit);
}
