using System.Data.Common;
using System.Globalization;
using Microsoft.Data.Sqlite;

namespace OrleansLog.Grains.Storage.Sqlite;

/// <summary>
/// Room that the metadata store has before a disk gets full. The logs fill a disk; reading them, and whatever makes room
/// (a lower retention, deleting a topic), writes metadata first: a few rows, which then find their place in what is here already.
/// <para>
/// The file gets <see cref="Bytes"/> of free pages, and the write-ahead log as many frames, both of which SQLite uses again
/// before it asks the disk for more. The write-ahead log goes with the last connection, so this is done at each start.
/// </para>
/// </summary>
internal static class SqliteReserve
{
    /// <summary>How much: thousands of changes to rows of some hundred bytes.</summary>
    public const int Bytes = 1 << 20;

    /// <summary>Makes the room, where there is any: a disk that is full already says so to whoever needs more. Blocking, some milliseconds.</summary>
    public static void Make(DbDataSource source)
    {
        using var connection = source.OpenConnection();
        using var command = connection.CreateCommand();
        // Two transactions: what one both writes and deletes never reaches the file.
        command.CommandText = string.Create(
            CultureInfo.InvariantCulture,
            $"""
            CREATE TABLE IF NOT EXISTS OrleansLogReserve (Room BLOB NOT NULL);
            INSERT INTO OrleansLogReserve (Room) VALUES (zeroblob({Bytes}));
            DELETE FROM OrleansLogReserve;
            """);
        try
        {
            command.ExecuteNonQuery();
        }
        catch (SqliteException failure) when (failure.SqliteErrorCode is SQLitePCL.raw.SQLITE_FULL or SQLitePCL.raw.SQLITE_IOERR)
        {
            // Of the row that may be left, the next start frees the room.
        }
    }
}
