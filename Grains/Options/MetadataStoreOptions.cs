namespace OrleansLog.Grains;

/// <summary>Databases that can keep the cluster's metadata.</summary>
public enum MetadataStoreProvider
{
    /// <summary>A file of the silo's own: for one silo.</summary>
    Sqlite,
}

/// <summary>Where topics, leaderships and producer ids are kept (not records, and not committed offsets).</summary>
public sealed class MetadataStoreOptions
{
    /// <summary>Which database.</summary>
    public MetadataStoreProvider Provider { get; set; } = MetadataStoreProvider.Sqlite;

    /// <summary>
    /// The connection string; null for SQLite: the file <c>metadata.db</c> in the data directory.
    /// </summary>
    public string? ConnectionString { get; set; }
}
