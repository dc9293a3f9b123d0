using System.Globalization;
using Npgsql;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage.Postgres;

/// <summary>Creates the metadata store's tables and queries when they are missing or of an older version.</summary>
internal static class PostgresSchema
{
    /// <summary>The version that <c>Schema.sql</c> brings a store to. Raise it with every change of the script.</summary>
    public const int CurrentVersion = 1;

    private const string ScriptName = "OrleansLog.Grains.Storage.Postgres.Schema.sql";

    // Any number of our own: whoever changes the schema of a database holds this lock until the change is committed.
    private const long SchemaLock = 0x4F726C65616E734C;

    /// <summary>
    /// Brings the store to <see cref="CurrentVersion"/> in one transaction; does nothing when it is there already. Of several
    /// processes that do it at once, one does it while the others wait.
    /// </summary>
    /// <exception cref="OrleansLogException">UnsupportedVersion: a newer version of OrleansLog made the store.</exception>
    public static async Task EnsureAsync(PostgresDatabase database, CancellationToken cancellationToken)
    {
        await using var connection = (NpgsqlConnection)await database.Source.OpenConnectionAsync(cancellationToken);
        if (await ReadVersionAsync(connection, database.Schema, cancellationToken) == CurrentVersion) return;

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(
            connection, string.Create(CultureInfo.InvariantCulture, $"SELECT pg_advisory_xact_lock({SchemaLock})"), cancellationToken);
        var version = await ReadVersionAsync(connection, database.Schema, cancellationToken);
        if (version > CurrentVersion)
        {
            throw new OrleansLogException(
                ErrorCode.UnsupportedVersion,
                $"The metadata store '{database.Name}' has schema version {version}, but this version of OrleansLog knows "
                + $"versions up to {CurrentVersion}; start the version of OrleansLog that wrote it.");
        }

        if (version < CurrentVersion)
        {
            // Asked for first, because creating it needs a right that using it does not.
            if (!await SchemaExistsAsync(connection, database.Schema, cancellationToken))
                await ExecuteAsync(connection, $"CREATE SCHEMA {Quote(database.Schema)}", cancellationToken);
            await ExecuteAsync(connection, ReadScript(), cancellationToken);
            await ExecuteAsync(
                connection,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"INSERT INTO OrleansLogSchema (Id, Version) VALUES (1, {CurrentVersion}) "
                    + $"ON CONFLICT (Id) DO UPDATE SET Version = excluded.Version"),
                cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    private static async Task<int> ReadVersionAsync(NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using (var exists = new NpgsqlCommand(
            "SELECT 1 FROM pg_tables WHERE schemaname = @schema AND tablename = 'orleanslogschema'", connection))
        {
            exists.Parameters.AddWithValue("schema", schema);
            if (await exists.ExecuteScalarAsync(cancellationToken) is null) return 0;
        }

        await using var version = new NpgsqlCommand("SELECT Version FROM OrleansLogSchema WHERE Id = 1", connection);
        return Convert.ToInt32(await version.ExecuteScalarAsync(cancellationToken) ?? 0, CultureInfo.InvariantCulture);
    }

    private static async Task<bool> SchemaExistsAsync(
        NpgsqlConnection connection, string schema, CancellationToken cancellationToken)
    {
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_namespace WHERE nspname = @schema", connection);
        exists.Parameters.AddWithValue("schema", schema);
        return await exists.ExecuteScalarAsync(cancellationToken) is not null;
    }

    private static string ReadScript()
    {
        using var stream = typeof(PostgresSchema).Assembly.GetManifestResourceStream(ScriptName)
            ?? throw new InvalidOperationException($"The resource '{ScriptName}' is missing from the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    private static string Quote(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

#pragma warning disable CA2100 // the text is this project's own
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
#pragma warning restore CA2100
}
