using System.Data.Common;
using System.Globalization;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage.Sqlite;

/// <summary>Creates the metadata store's tables and queries when they are missing or of an older version.</summary>
internal static class SqliteSchema
{
    /// <summary>The version that <c>Schema.sql</c> brings a store to. Raise it with every change of the script.</summary>
    public const int CurrentVersion = 1;

    private const string ScriptName = "OrleansLog.Grains.Storage.Sqlite.Schema.sql";

    /// <summary>
    /// Brings the store to <see cref="CurrentVersion"/> in one transaction and switches it to a write-ahead log; does nothing
    /// when it is there already. Two processes may do it at once. Blocking.
    /// </summary>
    /// <exception cref="OrleansLogException">UnsupportedVersion: a newer version of OrleansLog made the store.</exception>
    public static void Ensure(DbDataSource source)
    {
        using var connection = source.OpenConnection();
        // Kept in the file; outside of the transaction, as SQLite wants it.
        Execute(connection, "PRAGMA journal_mode = WAL;");
        if (ReadVersion(connection) == CurrentVersion) return;

        Execute(connection, "BEGIN IMMEDIATE;");
        try
        {
            var version = ReadVersion(connection);
            if (version > CurrentVersion)
            {
                throw new OrleansLogException(
                    ErrorCode.UnsupportedVersion,
                    $"The metadata store '{connection.DataSource}' has schema version {version}, but this version of OrleansLog "
                    + $"knows versions up to {CurrentVersion}; start the version of OrleansLog that wrote it.");
            }

            if (version < CurrentVersion)
            {
                Execute(connection, ReadScript());
                Execute(connection, string.Create(
                    CultureInfo.InvariantCulture,
                    $"INSERT INTO OrleansLogSchema (Id, Version) VALUES (1, {CurrentVersion}) "
                    + $"ON CONFLICT (Id) DO UPDATE SET Version = excluded.Version;"));
            }

            Execute(connection, "COMMIT;");
        }
        catch
        {
            Execute(connection, "ROLLBACK;");
            throw;
        }
    }

    private static int ReadVersion(DbConnection connection)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'OrleansLogSchema';";
        if (Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture) == 0) return 0;
        command.CommandText = "SELECT Version FROM OrleansLogSchema WHERE Id = 1;";
        return Convert.ToInt32(command.ExecuteScalar() ?? 0, CultureInfo.InvariantCulture);
    }

    private static string ReadScript()
    {
        using var stream = typeof(SqliteSchema).Assembly.GetManifestResourceStream(ScriptName)
            ?? throw new InvalidOperationException($"The resource '{ScriptName}' is missing from the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

#pragma warning disable CA2100 // the text is this project's own
    private static void Execute(DbConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
#pragma warning restore CA2100
}
