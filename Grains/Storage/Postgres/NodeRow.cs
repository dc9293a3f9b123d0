using Npgsql;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>Who had a node id last.</summary>
/// <param name="Holder">Its data directory and machine.</param>
/// <param name="Silo">Where it was.</param>
internal sealed record NodeHolder(string Holder, SiloAddress Silo);

/// <summary>What the database keeps of this node: the statements, each atomic. Thread-safe; a connection is not.</summary>
/// <param name="ClusterId">The cluster.</param>
/// <param name="NodeId">The node id.</param>
/// <param name="Holder">This node's data directory and machine.</param>
/// <param name="Silo">Where this silo is.</param>
internal sealed record NodeRow(string ClusterId, int NodeId, string Holder, SiloAddress Silo)
{
    /// <summary>Takes the lock for as long as the connection lasts; false when another connection has it.</summary>
    public async Task<bool> TryLockAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        // The lock's first half tells clusters apart that share a database, each in a schema of its own.
        await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock(hashtext('OrleansLog ' || @cluster), @node)", connection);
        command.Parameters.AddWithValue("cluster", ClusterId);
        command.Parameters.AddWithValue("node", NodeId);
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Who had the id last; null when nobody had.</summary>
    public async Task<NodeHolder?> ReadHolderAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("SELECT Holder, Endpoint FROM OrleansLogNode WHERE NodeId = @node", connection);
        command.Parameters.AddWithValue("node", NodeId);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await reader.ReadAsync(cancellationToken)
            ? new NodeHolder(reader.GetString(0), SiloAddress.FromParsableString(reader.GetString(1)))
            : null;
    }

    /// <summary>Writes that this silo has the id; no node that has none yet is given it or a lower one then.</summary>
    public async Task WriteAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            WITH raised AS (
                UPDATE OrleansLogCluster SET NextNodeId = @node + 1 WHERE NextNodeId <= @node
            )
            INSERT INTO OrleansLogNode (NodeId, Holder, Endpoint, TakenAt) VALUES (@node, @holder, @endpoint, now())
            ON CONFLICT (NodeId) DO UPDATE
            SET Holder = excluded.Holder, Endpoint = excluded.Endpoint, TakenAt = excluded.TakenAt,
                Metadata = CASE WHEN OrleansLogNode.Endpoint = excluded.Endpoint THEN OrleansLogNode.Metadata END
            """,
            connection);
        command.Parameters.AddWithValue("node", NodeId);
        command.Parameters.AddWithValue("holder", Holder);
        command.Parameters.AddWithValue("endpoint", Silo.ToParsableString());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>
    /// Writes that a silo is alive, wherever it is a member and has not said so for <paramref name="silence"/>, by the database's clock; in any
    /// case without one. Answers whether that was so.
    /// </summary>
    public static async Task<bool> SayAliveAsync(
        NpgsqlConnection connection, SiloAddress silo, TimeSpan? silence, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            UPDATE OrleansMembershipTable SET IAmAliveTime = now()
            WHERE Address = @address AND Port = @port AND Generation = @generation AND (@always OR IAmAliveTime < now() - @silence)
            """,
            connection);
        command.Parameters.AddWithValue("address", silo.Endpoint.Address.ToString());
        command.Parameters.AddWithValue("port", silo.Endpoint.Port);
        command.Parameters.AddWithValue("generation", silo.Generation);
        command.Parameters.AddWithValue("always", silence is null);
        command.Parameters.AddWithValue("silence", silence ?? TimeSpan.Zero);
        return await command.ExecuteNonQueryAsync(cancellationToken) > 0;
    }
}
