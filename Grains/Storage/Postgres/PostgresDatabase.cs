using System.Data.Common;
using Npgsql;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>The metadata in PostgreSQL, in a schema of its own: <c>orleanslog</c>, or the first of the search path given.</summary>
internal sealed class PostgresDatabase : MetadataDatabase
{
    private const string DefaultSchema = "orleanslog";
    private const int KeepAliveSeconds = 5;

    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlConnectionStringBuilder _settings;

    /// <summary>The database that a connection string of Npgsql names.</summary>
    public PostgresDatabase(string connectionString)
    {
        _settings = WithDefaults(connectionString);
        Schema = FirstOf(_settings.SearchPath!);
        Name = $"{_settings.Host}:{_settings.Port}/{_settings.Database ?? _settings.Username}";
        _source = NpgsqlDataSource.Create(_settings);
    }

    /// <inheritdoc/>
    public override DbDataSource Source => _source;

    /// <inheritdoc/>
    public override string Invariant => "Npgsql";

    /// <inheritdoc/>
    public override bool IsBlocking => false;

    /// <inheritdoc/>
    public override string Name { get; }

    /// <summary>The schema the tables are in.</summary>
    public string Schema { get; }

    /// <summary>Opens a connection outside of the pool, for one that is kept: it is asked now and then whether it still is one.</summary>
    public async Task<NpgsqlConnection> OpenLastingAsync(CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(_settings.ConnectionString)
        {
            Pooling = false,
            KeepAlive = KeepAliveSeconds,
        };
        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public override async Task EnsureSchemaAsync(CancellationToken cancellationToken) =>
        await PostgresSchema.EnsureAsync(this, cancellationToken);

#pragma warning disable CA1308 // PostgreSQL itself takes a name that is not quoted for lower case
    private static string FirstOf(string searchPath)
    {
        var first = searchPath.Split(',')[0].Trim();
        return first.StartsWith('"') ? first.Trim('"') : first.ToLowerInvariant();
    }
#pragma warning restore CA1308

    // What the connection string leaves open, and the driver's own default suits less: a database that does not answer must
    // not hold a grain up for long, and the metadata needs few connections.
    private static NpgsqlConnectionStringBuilder WithDefaults(string connectionString)
    {
        var given = new DbConnectionStringBuilder { ConnectionString = connectionString };
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        var plain = new NpgsqlConnectionStringBuilder();
        if (settings.Timeout == plain.Timeout && !given.ContainsKey("Timeout")) settings.Timeout = 5;
        if (settings.CommandTimeout == plain.CommandTimeout && !given.ContainsKey("Command Timeout")) settings.CommandTimeout = 10;
        if (settings.MaxPoolSize == plain.MaxPoolSize) settings.MaxPoolSize = 20;
        settings.ApplicationName ??= "OrleansLog";
        if (string.IsNullOrWhiteSpace(settings.SearchPath)) settings.SearchPath = DefaultSchema;
        return settings;
    }
}
