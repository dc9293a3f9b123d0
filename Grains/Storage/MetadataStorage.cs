using System.Data.Common;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Serialization.Serializers;
using Orleans.Storage;
using OrleansLog.Grains.Hosting;

namespace OrleansLog.Grains.Storage;

/// <summary>
/// The grain storage named <see cref="Name"/>: Orleans' ADO.NET provider, with what it lacks for SQLite, for topic names and for a database that restarts.
/// <list type="bullet">
/// <item>SQLite's calls block, so they run on the thread pool and not in a grain's turn; writers queue here, where waiting is
/// free, and not inside SQLite, where it is polling.</item>
/// <item>The provider reads a key that looks like a hexadecimal number as that number, so that the topics <c>a</c>, <c>A</c>
/// and <c>0a</c> would share a row. Every key is given a prefix that no number has.</item>
/// <item>A failure of the database is a <c>KafkaStorageError</c>, which a client can read.</item>
/// </list>
/// </summary>
internal sealed class MetadataStorage : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>
{
    /// <summary>The name under which grains ask for this storage.</summary>
    public const string Name = "OrleansLog";

    // Rows belong to the data directory and not to what an application happens to call its Orleans service.
    private const string ServiceId = "OrleansLog";

    private readonly AdoNetGrainStorage _inner;
    private readonly MetadataDatabase _database;
    private readonly Gate _writer = new();

    /// <summary>The storage in <paramref name="database"/>.</summary>
    public MetadataStorage(IServiceProvider services, MetadataDatabase database)
    {
        _database = database;
        var options = new AdoNetGrainStorageOptions
        {
            DataSource = database.Source,
            Invariant = database.Invariant,
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
            cancellation => _database.GuardAsync("be opened", () => _database.EnsureSchemaAsync(cancellation)));
        _inner.Participate(observer);
    }

    /// <inheritdoc/>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        _database.GuardAsync("be read", () => ReadAsync(() => _inner.ReadStateAsync(stateName, KeyOf(grainId), grainState)));

    /// <inheritdoc/>
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        _database.GuardAsync("be written", () => WriteAsync(() => _inner.WriteStateAsync(stateName, KeyOf(grainId), grainState)));

    /// <inheritdoc/>
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        _database.GuardAsync("be written", () => WriteAsync(() => _inner.ClearStateAsync(stateName, KeyOf(grainId), grainState)));

    // No database of ours keeps a zero character in a text, and the name of nothing has one.
    private static GrainId KeyOf(GrainId grainId) =>
        GrainId.Create(grainId.Type, "/" + grainId.Key.ToString()!.Replace("\0", "\u2400", StringComparison.Ordinal));

    private async Task ReadAsync(Func<Task> read)
    {
        if (_database.IsBlocking)
        {
            await Task.Run(read);
            return;
        }

        try
        {
            await read();
        }
        catch (DbException e) when (e.IsTransient)
        {
            // The connection may have been one of before the database's restart; then so are all others, and this one is new.
            await read();
        }
    }

    // A write is never done twice: nobody knows what became of the first.
    private Task WriteAsync(Func<Task> write) => _database.IsBlocking ? _writer.RunAsync(() => Task.Run(write)) : write();
}
