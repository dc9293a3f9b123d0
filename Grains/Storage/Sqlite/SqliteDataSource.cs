using System.Data.Common;
using Microsoft.Data.Sqlite;

namespace OrleansLog.Grains.Storage.Sqlite;

/// <summary>
/// Opens connections to a SQLite file with the settings that leadership epochs need: a committed write survives a power loss
/// (<c>synchronous=FULL</c>), and a writer waits for another one inside SQLite instead of failing.
/// Thread-safe. Disposing of it closes the pooled connections, so that the file is released.
/// </summary>
internal sealed class SqliteDataSource : DbDataSource
{
    private const int BusyTimeoutMs = 10_000;
    // Of 4 KiB: the write-ahead log begins anew before it needs more room than SqliteReserve has made.
    private const int CheckpointPages = 200;
    private readonly string _connectionString;

    /// <summary>A data source for a connection string of Microsoft.Data.Sqlite.</summary>
    public SqliteDataSource(string connectionString) => _connectionString = connectionString;

    /// <inheritdoc/>
    public override string ConnectionString => _connectionString;

    /// <inheritdoc/>
    protected override DbConnection CreateDbConnection() => new SqliteConnection(_connectionString);

    /// <inheritdoc/>
    protected override DbConnection OpenDbConnection()
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"PRAGMA busy_timeout = {BusyTimeoutMs}; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = {CheckpointPages};");
            command.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override ValueTask<DbConnection> OpenDbConnectionAsync(CancellationToken cancellationToken = default)
    {
        // SQLite has no asynchronous calls; MetadataStorage keeps them off the grains' turns.
        cancellationToken.ThrowIfCancellationRequested();
        return new ValueTask<DbConnection>(OpenDbConnection());
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            using var connection = new SqliteConnection(_connectionString);
            SqliteConnection.ClearPool(connection);
        }

        base.Dispose(disposing);
    }
}
