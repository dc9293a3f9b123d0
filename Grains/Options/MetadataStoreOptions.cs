using System.Data.Common;

namespace OrleansLog.Grains;

/// <summary>Databases that can keep the cluster's metadata.</summary>
public enum MetadataStoreProvider
{
    /// <summary>A file of the silo's own: for one silo.</summary>
    Sqlite,

    /// <summary>A PostgreSQL database that all silos of the cluster share; it keeps their membership as well.</summary>
    PostgreSql,
}

/// <summary>Where topics, leaderships and producer ids are kept (not records, and not committed offsets).</summary>
public sealed class MetadataStoreOptions
{
    /// <summary>
    /// Which database; null for the one that the connection string is of: PostgreSQL if it names a host, else SQLite.
    /// </summary>
    public MetadataStoreProvider? Provider { get; set; }

    /// <summary>
    /// The connection string, as <c>Host=...;Username=...;Password=...;Database=...</c> for PostgreSQL or
    /// <c>Data Source=...</c> for SQLite; null for SQLite: the file <c>metadata.db</c> in the data directory.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>How long a silo that starts waits for a PostgreSQL that cannot be reached.</summary>
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The database meant by <see cref="Provider"/> and <see cref="ConnectionString"/>.</summary>
    internal MetadataStoreProvider EffectiveProvider => Provider ?? (NamesHost(ConnectionString)
        ? MetadataStoreProvider.PostgreSql
        : MetadataStoreProvider.Sqlite);

    private static bool NamesHost(string? connectionString)
    {
        try
        {
            var settings = new DbConnectionStringBuilder { ConnectionString = connectionString };
            return settings.ContainsKey("Host") || settings.ContainsKey("Server");
        }
        catch (ArgumentException)
        {
            // The validator says what is wrong with it.
            return false;
        }
    }
}
