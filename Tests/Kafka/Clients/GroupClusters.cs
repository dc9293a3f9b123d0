using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using OrleansLog.Engine.Groups;
using OrleansLog.Kafka;
using OrleansLog.Tests.Cluster;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>One silo and a cluster of three, each started when the first test asks for it and shared by all.</summary>
public sealed class GroupClusters : IAsyncLifetime
{
    private readonly Dictionary<int, (NodeCluster Cluster, int Port)> _clusters = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var (cluster, _) in _clusters.Values) await cluster.DisposeAsync();
    }

    /// <summary>Where a client bootstraps at a cluster of so many nodes, in which a topic of four partitions is made.</summary>
    public async Task<string> BootstrapAsync(int nodes, string? topic)
    {
        if (!_clusters.TryGetValue(nodes, out var entry)) _clusters.Add(nodes, entry = await StartAsync(nodes));
        if (topic is not null) await entry.Cluster.CreateTopicAsync(topic, partitions: 4, replicas: (short)nodes);
        return string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{entry.Port}");
    }

    private static async Task<(NodeCluster, int)> StartAsync(int nodes)
    {
        var ports = Enumerable.Range(0, nodes + 1).Select(_ => FreePorts.Next()).ToArray();
        var cluster = await NodeCluster.StartAsync(nodes, configureSilo: (node, silo) =>
        {
            silo.Services.AddOrleansLogKafka(KafkaSilo.EndpointAt(ports[node]));
            silo.Services.Configure<GroupOptions>(options => options.InitialRebalanceDelay = TimeSpan.Zero);
        });
        return (cluster, ports[nodes]);
    }
}
