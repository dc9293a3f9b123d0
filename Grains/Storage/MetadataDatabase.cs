using System.Data.Common;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage;

/// <summary>The database that keeps the cluster's metadata. Owns its connections; thread-safe.</summary>
internal abstract class MetadataDatabase : IDisposable
{
    /// <summary>Opens connections to it.</summary>
    public abstract DbDataSource Source { get; }

    /// <summary>The name by which Orleans' ADO.NET providers know this kind of database.</summary>
    public abstract string Invariant { get; }

    /// <summary>Whether its calls block the thread, and writers that do not queue get in each other's way.</summary>
    public abstract bool IsBlocking { get; }

    /// <summary>Which database it is, for messages; never with a password.</summary>
    public abstract string Name { get; }

    /// <summary>Brings the schema to this version's; does nothing when it is there. Several processes may do it at once.</summary>
    /// <exception cref="OrleansLogException">UnsupportedVersion: a newer version of OrleansLog made it.</exception>
    public abstract Task EnsureSchemaAsync(CancellationToken cancellationToken);

    /// <inheritdoc/>
    public void Dispose() => Source.Dispose();

    /// <summary>Runs <paramref name="action"/>; a failure of the database is told as one.</summary>
    /// <param name="what">What cannot be done then, such as "be read".</param>
    /// <param name="action">What to do.</param>
    /// <exception cref="OrleansLogException">KafkaStorageError: the database failed; a change may have been carried out.</exception>
    public async Task GuardAsync(string what, Func<Task> action)
    {
        try
        {
            await action().ConfigureAwait(false);
        }
        catch (DbException e)
        {
            throw new OrleansLogException(
                ErrorCode.KafkaStorageError, $"The metadata store '{Name}' cannot {what}: {Reason(e)}", e);
        }
    }

    /// <summary>Of a connection that failed, the system's own words say more than the driver's.</summary>
    private static string Reason(DbException failure) => failure.InnerException is { Message: var inner } && failure.IsTransient
        ? $"{failure.Message} ({inner})"
        : failure.Message;
}
