using OrleansLog.Grains;
using OrleansLog.Kafka;
using OrleansLog.Tests.Cluster;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Several silos in this process with a Kafka listener each.</summary>
internal sealed class KafkaCluster : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly int[] _ports;

    private KafkaCluster(int[] ports, NodeCluster nodes) => (_ports, Nodes) = (ports, nodes);

    public NodeCluster Nodes { get; }

    public int Count => _ports.Length;

    public static async Task<KafkaCluster> StartAsync(int nodes, Action<OrleansLogOptions>? configure = null)
    {
        int[] ports = [.. Enumerable.Range(0, nodes).Select(_ => FreePorts.Next())];
        return new KafkaCluster(ports, await NodeCluster.StartAsync(
            nodes, configure, (node, silo) => silo.Services.AddOrleansLogKafka(KafkaSilo.EndpointAt(ports[node - 1]))));
    }

    public int PortOf(int node) => _ports[node - 1];

    public Task<KafkaPeer> ConnectAsync(int node) => KafkaPeer.ConnectAsync(PortOf(node));

    /// <summary>
    /// Waits until Metadata and DescribeTopicPartitions of every silo tell a partition as expected, those in sync in order of their
    /// numbers.
    /// </summary>
    public async Task WhenShownAsync(string topic, Func<TopologyRequests.Partition, bool> expected, int partition = 0)
    {
        for (var node = 1; node <= Count; node++)
        {
            using var peer = await ConnectAsync(node);
            await WhenAsync(async () => (await peer.FullMetadataAsync(topic)).Partitions[partition]);
            await WhenAsync(async () => (await peer.DescribeAsync(topic))[partition]);
        }

        async Task WhenAsync(Func<Task<TopologyRequests.Partition>> ask)
        {
            var started = TimeProvider.System.GetTimestamp();
            while (true)
            {
                var told = await ask();
                if (expected(told with { InSync = [.. told.InSync.Order()] })) return;
                Assert.True(
                    TimeProvider.System.GetElapsedTime(started) < Limit,
                    $"{told}: replicas {string.Join(",", told.Replicas)}, in sync {string.Join(",", told.InSync)}");
                await Task.Delay(20);
            }
        }
    }

    public ValueTask DisposeAsync() => Nodes.DisposeAsync();
}
