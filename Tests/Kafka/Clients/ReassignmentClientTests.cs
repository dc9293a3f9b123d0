using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>Replicas are moved by an admin client of others.</summary>
public sealed class ReassignmentClientTests(GroupClusters clusters) : IClassFixture<GroupClusters>
{
    [KafkaJsFact]
    public async Task Kafkajs_moves_a_partition_while_it_produces_and_reads_all_of_it_afterwards() => Assert.EndsWith(
        "ok",
        (await KafkaJs.RunAsync("reassign.js", await clusters.BootstrapAsync(3, topic: null), "moved")).TrimEnd(),
        StringComparison.Ordinal);
}
