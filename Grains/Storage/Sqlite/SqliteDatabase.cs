using System.Data.Common;

namespace OrleansLog.Grains.Storage.Sqlite;

/// <summary>The metadata in a SQLite file.</summary>
internal sealed class SqliteDatabase : MetadataDatabase
{
    /// <summary>The database that a connection string of Microsoft.Data.Sqlite names.</summary>
    public SqliteDatabase(string connectionString)
    {
        Source = new SqliteDataSource(connectionString);
        using var connection = Source.CreateConnection();
        Name = connection.DataSource;
    }

    /// <inheritdoc/>
    public override DbDataSource Source { get; }

    /// <summary>The providers load Microsoft.Data.Sqlite for it.</summary>
    public override string Invariant => "System.Data.SQLite";

    /// <inheritdoc/>
    public override bool IsBlocking => true;

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override Task EnsureSchemaAsync(CancellationToken cancellationToken) =>
        Task.Run(
            () =>
            {
                SqliteSchema.Ensure(Source);
                SqliteReserve.Make(Source);
            },
            cancellationToken);
}
