using Orleans.Core.Internal;
using Orleans.TestingHost;
using OrleansLog.Grains;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;

namespace OrleansLog.Tests.Grains;

/// <summary>One silo with the log in it, on a data directory, and a client of it.</summary>
internal sealed class LogCluster : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;

    private LogCluster(InProcessTestCluster cluster) => _cluster = cluster;

    public IGrainFactory Grains => _cluster.Client;

    public ICatalogGrain Catalog => Grains.GetCatalog();

    /// <summary>The services of the silo.</summary>
    public IServiceProvider Services => _cluster.Silos[0].ServiceProvider;

    public IPartitionGrain Partition(string topic, int partition) => Grains.GetPartition(new TopicPartition(topic, partition));

    /// <summary>Has the grain deactivated, as if it had been idle for long, and waits until it is.</summary>
    public async Task LetGoAsync(IPartitionGrain partition)
    {
        var logs = (OpenLogs)Services.GetService(typeof(OpenLogs))!;
        var closed = logs.WhenUnusedAsync(PartitionKey.Parse(partition.GetPrimaryKeyString()));
        await partition.AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        await closed.WaitAsync(TimeSpan.FromSeconds(30));
    }

    public static async Task<LogCluster> StartAsync(
        string dataDirectory, Action<OrleansLogOptions>? configure = null, Action<ISiloBuilder>? configureSilo = null)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddOrleansLog(options =>
            {
                options.DataDirectory = dataDirectory;
                options.OffsetsTopicPartitions = 2;
                configure?.Invoke(options);
            });
            configureSilo?.Invoke(silo);
        });
        var cluster = builder.Build();
        try
        {
            await cluster.DeployAsync();
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }

        return new LogCluster(cluster);
    }

    public Task<TopicDescription> CreateTopicAsync(
        string name, int partitions = 1, IReadOnlyDictionary<string, string>? configs = null) =>
        Catalog.CreateTopic(new CreateTopicRequest(name, partitions, 1, configs ?? new Dictionary<string, string>()));

    /// <summary>Ends the silo without letting it finish anything.</summary>
    public async Task KillAsync()
    {
        foreach (var silo in _cluster.Silos.ToArray()) await _cluster.KillSiloAsync(silo);
        await _cluster.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
    }
}
