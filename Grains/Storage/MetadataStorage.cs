using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Storage.Sqlite;
using OrleansLog.Records;

namespace OrleansLog.Grains.Storage;

/// <summary>
/// The grain storage named <see cref="Name"/>: Orleans' ADO.NET provider, with what it lacks for SQLite and for topic names.
/// <list type="bullet">
/// <item>SQLite's calls block, so they run on the thread pool and not in a grain's turn; writers queue here, where waiting is
/// free, and not inside SQLite, where it is polling.</item>
/// <item>The provider reads a key that looks like a hexadecimal number as that number, so that the topics <c>a</c>, <c>A</c>
/// and <c>0a</c> would share a row. Every key is given a prefix that no number has.</item>
/// <item>A failure of the database is a <c>KafkaStorageError</c>, which a client can read.</item>
/// </list>
/// </summary>
internal sealed class MetadataStorage : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    /// <summary>The name under which grains ask for this storage.</summary>
    public const string Name = "OrleansLog";

    /// <summary>The ADO.NET provider's name for SQLite; it loads Microsoft.Data.Sqlite for it.</summary>
    public const string SqliteInvariant = "System.Data.SQLite";

    // Rows belong to the data directory and not to what an application happens to call its Orleans service.
    private const string ServiceId = "OrleansLog";

    private readonly AdoNetGrainStorage _inner;
    private readonly DbDataSource _source;
    private readonly Gate _writer = new();

    /// <summary>The storage on the database that <paramref name="source"/> opens; owns the source.</summary>
    public MetadataStorage(IServiceProvider services, DbDataSource source, string invariant)
    {
        _source = source;
        var options = new AdoNetGrainStorageOptions
        {
            DataSource = source,
            Invariant = invariant,
            InitStage = LogStage.MetadataStore + 1,
            GrainStorageSerializer = new StateSerializer(),
            DeleteStateOnClear = true,
        };
        _inner = new AdoNetGrainStorage(
            services.GetRequiredService<IActivatorProvider>(),
            services.GetRequiredService<ILogger<AdoNetGrainStorage>>(),
            Microsoft.Extensions.Options.Options.Create(options),
            Microsoft.Extensions.Options.Options.Create(new ClusterOptions { ServiceId = ServiceId, ClusterId = ServiceId }),
            Name);
    }

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer)
    {
        observer.Subscribe(
            nameof(MetadataStorage),
            LogStage.MetadataStore,
            cancellation => Guard("be opened", () => Task.Run(() => SqliteSchema.Ensure(_source), cancellation)));
        _inner.Participate(observer);
    }

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        Guard("be read", () => Task.Run(() => _inner.ReadStateAsync(stateName, KeyOf(grainId), grainState)));

    /// <inheritdoc/>
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        Guard("be written", () => OneWriter(() => _inner.WriteStateAsync(stateName, KeyOf(grainId), grainState)));

    /// <inheritdoc/>
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        Guard("be written", () => OneWriter(() => _inner.ClearStateAsync(stateName, KeyOf(grainId), grainState)));

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    private static GrainId KeyOf(GrainId grainId) => GrainId.Create(grainId.Type, "/" + grainId.Key.ToString());

    private Task OneWriter(Func<Task> write) => _writer.RunAsync(() => Task.Run(write));

    private async Task Guard(string what, Func<Task> action)
    {
        try
        {
            await action().ConfigureAwait(false);
        }
        catch (DbException e)
        {
            using var connection = _source.CreateConnection();
            throw new OrleansLogException(
                ErrorCode.KafkaStorageError, $"The metadata store '{connection.DataSource}' cannot {what}: {e.Message}", e);
        }
    }
}
