using Microsoft.Data.Sqlite;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Runtime.Hosting;
using Orleans.Runtime.MembershipService.SiloMetadata;
using OrleansLog.Grains.Groups;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Serialization;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Grains.Options;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Storage.Postgres;
using OrleansLog.Grains.Storage.Sqlite;
using OrleansLog.Grains.Topics;

namespace OrleansLog.Grains;

/// <summary>Puts the log into a silo.</summary>
public static class OrleansLogSiloBuilderExtensions
{
    /// <summary>
    /// Hosts the log in this silo: its storage engine, its grains, its metadata store and its transport. Settings come from the
    /// configuration section <see cref="OrleansLogOptions.SectionName"/>, if the host has one, and then from
    /// <paramref name="configure"/>. The silo does not start with a setting that is wrong or a data directory that is not its
    /// own. Call it after the clustering has been chosen.
    /// </summary>
    public static ISiloBuilder AddOrleansLog(this ISiloBuilder builder, Action<OrleansLogOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var services = builder.Services;
        var options = services.AddOptions<OrleansLogOptions>().BindConfiguration(OrleansLogOptions.SectionName);
        if (configure is not null) options.Configure(configure);
        if (services.Any(service => service.ServiceType == typeof(LogHost))) return builder;

        options.ValidateOnStart();
        services.AddSingleton<IValidateOptions<OrleansLogOptions>, OrleansLogOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<LocalNode>();
        services.AddSingleton<TopicDefaults>();
        services.AddSingleton<LogHost>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<LogHost>());
        AddNodeDirectory(builder);
        AddMetadata(services);
        services.AddSingleton<OpenLogs>();
        services.AddSingleton<PartitionOpener>();
        services.AddSingleton<ProduceBudget>();
        services.AddSingleton<LeaderCalls>();
        services.AddSingleton<OfficeCache>();
        services.AddSingleton<NodeStorageView>();
        services.AddSingleton<IClusterView, ClusterView>();
        services.AddSingleton<SiloStopping>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<SiloStopping>());
        services.AddSingleton<IdleLogKeeper>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<IdleLogKeeper>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, NodeRegistration>();
        services.AddReplication();
        services.AddConsumerGroups();
        services.UseLogTransport();
        services.AddForeignExceptions();
        return builder;
    }

    private static void AddNodeDirectory(ISiloBuilder builder)
    {
        var entries = new Dictionary<string, string>();
        builder.UseSiloMetadata(entries);
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(
            provider => ActivatorUtilities.CreateInstance<NodeMetadata>(provider, entries));
        builder.Services.AddSingleton<NodeDirectory>();
        builder.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(
            provider => provider.GetRequiredService<NodeDirectory>());
    }

    // Which database it is, the options say, and those are read when the silo is built.
    private static void AddMetadata(IServiceCollection services)
    {
        services.AddSingleton(CreateDatabase);
        services.AddGrainStorage(
            MetadataStorage.Name,
            static (provider, _) => new MetadataStorage(provider, provider.GetRequiredService<MetadataDatabase>()));
        services.AddSingleton<INodeIdentity>(static provider =>
            provider.GetRequiredService<MetadataDatabase>() is PostgresDatabase postgres
                ? ActivatorUtilities.CreateInstance<ClusterRegistry>(provider, postgres)
                : ActivatorUtilities.CreateInstance<EmbeddedIdentity>(provider));
    }

    private static MetadataDatabase CreateDatabase(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<OrleansLogOptions>>().Value;
        return options.Metadata.EffectiveProvider switch
        {
            MetadataStoreProvider.Sqlite => new SqliteDatabase(SqliteConnectionString(options)),
            MetadataStoreProvider.PostgreSql => new PostgresDatabase(options.Metadata.ConnectionString!),
            var other => throw new NotSupportedException($"There is no metadata store '{other}'."),
        };
    }

    private static string SqliteConnectionString(OrleansLogOptions options) =>
        options.Metadata.ConnectionString ?? new SqliteConnectionStringBuilder
        {
            DataSource = Path.Combine(Path.GetFullPath(options.DataDirectory), "metadata.db"),
        }.ToString();
}
