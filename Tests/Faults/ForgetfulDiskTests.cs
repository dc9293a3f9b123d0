using System.Diagnostics;
using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Cluster.Postgres;
using OrleansLog.Tests.Processes;
using OrleansLog.Tests.Proofs;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Faults;

/// <summary>The power fails for all three silos at once: none of their disks has what was not synced.</summary>
[Collection(ProcessCollection.Name)]
public sealed class ForgetfulDiskTests(ITestOutputHelper output)
{
    private const string Topic = "ledger", Relaxed = "relaxed";
    private const int Partitions = 3, Producers = 2, RecordsPerSecond = 1_000, Rounds = 2, RelaxedRecords = 1_000;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan Load = TimeSpan.FromSeconds(2);

    [ForgetfulFact]
    public async Task What_three_silos_acknowledged_outlives_the_loss_of_all_that_they_had_not_synced()
    {
        using var tools = new TemporaryDirectory();
        var disks = new ForgetfulDisk[3];
        await using var cluster = await SiloCluster.StartAsync(
            await (await PostgresServer.SharedAsync()).CreateDatabaseAsync(),
            environment: (node, directory) => (disks[node - 1] = new ForgetfulDisk(tools, node, directory)).Environment);
        await using var client = await cluster.ConnectAsync();
        await client.Admin.CreateTopicAsync(Topic, Partitions, 3, new Dictionary<string, string> { ["min.insync.replicas"] = "2" });
        await client.Admin.CreateTopicAsync(
            Relaxed, 1, 3, new Dictionary<string, string> { ["min.insync.replicas"] = "2", ["flush.messages"] = "1000000" });
        await using (var producer = client.CreateProducer(new ProducerOptions<string, string>()))
            await Task.WhenAll(Enumerable.Range(0, RelaxedRecords).Select(i => producer.ProduceAsync(Relaxed, "", $"{i}").AsTask()));

        var ledger = new Ledger(Partitions);
        var load = ProducerLoad.Start(client, Topic, ledger, Producers, RecordsPerSecond);
        try
        {
            var audit = new LedgerAudit(client, Topic, ledger, Producers);
            for (var round = 1; round <= Rounds; round++)
            {
                await ledger.WhenAcknowledgedAfter(Stopwatch.GetTimestamp(), everywhere: true).WaitAsync(Limit);
                await Task.Delay(Load);
                await Task.WhenAll(Enumerable.Range(0, 3).Select(index => cluster[index].KillAsync()));
                var forgotten = await Task.WhenAll(disks.Select(static disk => disk.ForgetAsync()));
                output.WriteLine($"Round {round}: {ledger.Count:N0} acknowledged; changes of files forgotten by the nodes: {string.Join(", ", forgotten)}");
                Assert.All(forgotten, static changes => Assert.True(changes > 0, "A disk forgot nothing."));
                await Task.WhenAll(Enumerable.Range(0, 3).Select(cluster.StartAsync));
                await ledger.WhenAcknowledgedAfter(Stopwatch.GetTimestamp(), everywhere: true).WaitAsync(Limit);
                await audit.RunAsync();
                if (round == 1) await ExpectLostAsync(client);
            }

            await load.StopAsync(Limit);
            await audit.RunToTheEndAsync(load.Sent);
        }
        finally
        {
            load.Abandon();
        }
    }

    // That the disks do forget: a topic that asks for no fsync loses what it acknowledged.
    private static async Task ExpectLostAsync(OrleansLogClient client)
    {
        var end = await client.Admin.ListOffsetsAsync([new TopicPartition(Relaxed, 0)], LogPosition.End);
        Assert.True(end.Values.Single() < RelaxedRecords, "Nothing of the topic without fsync was lost.");
    }
}
