using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using OrleansLog.Grains;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;
using OrleansLog.Tests.Grains;

namespace OrleansLog.Tests.Cluster;

/// <summary>
/// Several silos in this process, each a node with a data directory of its own, and one metadata store for all. Nodes are killed,
/// stopped and started by their numbers, from 1.
/// </summary>
internal sealed class NodeCluster : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _data = new();
    private readonly Dictionary<int, InProcessSiloHandle> _silos = [];
    private readonly Dictionary<(string, int), int> _sequences = [];
    private readonly Action<OrleansLogOptions>? _configure;
    private readonly Action<int, ISiloBuilder>? _configureSilo;
    private readonly InProcessTestCluster _cluster;
    private int _starting;

    private NodeCluster(Action<OrleansLogOptions>? configure, Action<int, ISiloBuilder>? configureSilo)
    {
        _configure = configure;
        _configureSilo = configureSilo;
        var builder = new InProcessTestClusterBuilder(0);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            var id = _starting;
            silo.AddOrleansLog(options =>
            {
                options.NodeId = id;
                options.ClusterId = "test";
                options.DataDirectory = DirectoryOf(id);
                options.OffsetsTopicPartitions = 2;
                options.LeaderRebalanceInterval = TimeSpan.Zero;
                options.Metadata.ConnectionString = $"Data Source={_data.File("metadata.db")}";
                _configure?.Invoke(options);
            });
            _configureSilo?.Invoke(id, silo);
        });
        _cluster = builder.Build();
    }

    public IGrainFactory Grains => _cluster.Client;

    public ICatalogGrain Catalog => Grains.GetCatalog();

    public string DirectoryOf(int node) => _data.File(string.Create(CultureInfo.InvariantCulture, $"node-{node}"));

    public static async Task<NodeCluster> StartAsync(
        int nodes, Action<OrleansLogOptions>? configure = null, Action<int, ISiloBuilder>? configureSilo = null)
    {
        var cluster = new NodeCluster(configure, configureSilo);
        try
        {
            for (var node = 1; node <= nodes; node++) await cluster.StartNodeAsync(node);
            await cluster._cluster.InitializeClientAsync();
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }

        return cluster;
    }

    public IPartitionGrain Partition(string topic, int partition) => Grains.GetPartition(new TopicPartition(topic, partition));

    public T Service<T>(int node)
        where T : notnull => _silos[node].ServiceProvider.GetRequiredService<T>();

    public IGrainFactory GrainsOf(int node) => Service<IGrainFactory>(node);

    public NodeReplicas Replicas(int node) => Service<NodeReplicas>(node);

    public Task<TopicDescription> CreateTopicAsync(
        string name, int partitions = 1, short replicas = 3, IReadOnlyDictionary<string, string>? configs = null) =>
        Catalog.CreateTopic(new CreateTopicRequest(name, partitions, replicas, configs ?? new Dictionary<string, string>()));

    /// <summary>Starts a node, anew or again, and waits until all nodes know it.</summary>
    public async Task StartNodeAsync(int node)
    {
        _starting = node;
        _silos.Add(node, await _cluster.StartAdditionalSiloAsync());
        foreach (var (_, silo) in _silos)
        {
            using var limit = new CancellationTokenSource(Limit);
            await silo.ServiceProvider.GetRequiredService<NodeDirectory>().WaitForAsync(
                view => _silos.Keys.All(view.ActiveIds.Contains) && view.Unknown.Count == 0, limit.Token);
        }
    }

    /// <summary>Ends a node without letting it finish anything, and has another one declare it dead.</summary>
    public async Task KillNodeAsync(int node)
    {
        _silos.Remove(node, out var silo);
        await _cluster.KillSiloAsync(silo!);
        await _silos.Values.First().ServiceProvider.GetRequiredService<IClusterMembershipService>().TryKill(silo!.SiloAddress);
    }

    /// <summary>Stops a node in good order.</summary>
    public async Task StopNodeAsync(int node)
    {
        _silos.Remove(node, out var silo);
        await _cluster.StopSiloAsync(silo!);
    }

    /// <summary>Describes a partition once it satisfies <paramref name="condition"/>.</summary>
    public async Task<PartitionDescription> WaitForAsync(
        string topic, int partition, Func<PartitionDescription, bool> condition)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            PartitionDescription? described = null;
            Exception? failure = null;
            try
            {
                described = await Partition(topic, partition).Describe();
                if (condition(described)) return described;
            }
            catch (Exception e)
            {
                failure = e;
            }

            if (Stopwatch.GetElapsedTime(started) > Limit)
                throw new TimeoutException($"Not reached in time; last: {described}, in sync {Show(described)}", failure);
            await Task.Delay(20);
        }

        static string Show(PartitionDescription? it) => it is null ? "?" : string.Join(",", it.InSyncReplicas);
    }

    /// <summary>Waits until all of a topic's replicas are in sync.</summary>
    public Task<PartitionDescription> WhenInSyncAsync(string topic, int partition, int replicas = 3) =>
        WaitForAsync(topic, partition, it => it.InSyncReplicas.Count == replicas);

    /// <summary>Produces as an idempotent producer, again and again until it is done; answers how long that took.</summary>
    public async Task<(long Offset, TimeSpan Took)> ProduceAsync(string topic, int partition, params string[] values)
    {
        var started = Stopwatch.GetTimestamp();
        var sequence = _sequences.GetValueOrDefault((topic, partition));
        _sequences[(topic, partition)] = sequence + values.Length;
        while (true)
        {
            try
            {
                var batch = Batches.Of(values, producerId: 1000, sequence);
                var response = await Partition(topic, partition)
                    .Produce(new ProduceRequest(Batches.Borrow(batch), Acks: -1, TimeoutMs: 30_000)).WaitAsync(TimeSpan.FromSeconds(5));
                return (response.BaseOffsets[0], Stopwatch.GetElapsedTime(started));
            }
            catch (Exception e) when (Stopwatch.GetElapsedTime(started) < Limit
                && e is OrleansLogException { IsRetriable: true } or OrleansException or TimeoutException)
            {
                await Task.Delay(5);
            }
        }
    }

    /// <summary>Reads all that is committed, as a client does that looks for the leader until it has it.</summary>
    public async Task<string[]> ReadAllAsync(string topic, int partition)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return await Partition(topic, partition).ReadAllAsync();
            }
            catch (Exception e) when (Stopwatch.GetElapsedTime(started) < Limit
                && e is OrleansLogException { IsRetriable: true } or OrleansException or TimeoutException)
            {
                await Task.Delay(20);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
        _data.Dispose();
    }
}
