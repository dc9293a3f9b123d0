using System.Diagnostics;
using System.Globalization;
using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Cluster.Postgres;
using OrleansLog.Tests.Processes;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>Idempotent producers of librdkafka while leaders are killed: they go on by themselves, nothing is lost and nothing twice.</summary>
[Collection(ProcessCollection.Name)]
public sealed class LeaderKilledTests(ITestOutputHelper output)
{
    private const int Seconds = 12;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(120);

    [KafkaClusterFact]
    public async Task Producers_of_other_languages_go_on_when_a_leader_is_killed()
    {
        var server = await PostgresServer.SharedAsync();
        await using var cluster = await SiloCluster.StartAsync(await server.CreateDatabaseAsync());
        await using var client = await cluster.ConnectAsync();
        var bootstrap = string.Join(',', cluster.Setups.Select(static setup => setup.KafkaEndpoint));
        var settings = new Dictionary<string, string> { ["min.insync.replicas"] = "2" };
        foreach (var topic in (string[])["confluent", "kcat"]) await client.Admin.CreateTopicAsync(topic, 3, 3, settings);

        var confluent = RealClient.RunScriptAsync("failover.py", bootstrap, "confluent", Seconds.ToString(CultureInfo.InvariantCulture));
        var kcat = FeedKcatAsync(bootstrap, "kcat");
        for (var partition = 0; partition < 2; partition++)
        {
            await Task.Delay(TimeSpan.FromSeconds(3));
            var leader = (await client.Admin.DescribePartitionAsync(new TopicPartition("confluent", partition))).Leader;
            output.WriteLine($"Node {leader} is killed.");
            await cluster[leader - 1].KillAsync();
            await Task.Delay(TimeSpan.FromSeconds(1));
            await cluster.StartAsync(leader - 1);
        }

        var sent = int.Parse(await confluent, CultureInfo.InvariantCulture);
        await CheckAsync(client, "confluent", sent);
        await CheckAsync(client, "kcat", await kcat);
    }

    /// <summary>Writes lines to kcat for a while; answers how many, once it has had all of them acknowledged.</summary>
    private static async Task<int> FeedKcatAsync(string bootstrap, string topic)
    {
        var start = new ProcessStartInfo(
            "kcat",
            ["-P", "-b", bootstrap, "-t", topic, "-X", "enable.idempotence=true", "-X", "acks=all", "-X", "linger.ms=2"])
        {
            RedirectStandardInput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        try
        {
            var errors = ProcessPipe.ReadToEndAsync(process.StandardError);
            var began = Stopwatch.GetTimestamp();
            var sent = 0;
            try
            {
                while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(Seconds))
                {
                    for (var i = 0; i < 10; i++) await process.StandardInput.WriteLineAsync((sent++).ToString(CultureInfo.InvariantCulture));
                    await process.StandardInput.FlushAsync();
                    await Task.Delay(5);
                }

                process.StandardInput.Close();
            }
            catch (IOException gone)
            {
                await process.WaitForExitAsync().WaitAsync(Limit);
                Assert.Fail($"kcat ended after {sent} lines ({gone.Message}): {process.ExitCode}\n{await errors}");
            }

            await process.WaitForExitAsync().WaitAsync(Limit);
            Assert.True(process.ExitCode == 0, $"kcat: {process.ExitCode}\n{await errors}");
            return sent;
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private async Task CheckAsync(OrleansLogClient client, string topic, int sent)
    {
        await using var consumer = client.CreateConsumer<NoKey, string>();
        consumer.Assign([.. Enumerable.Range(0, 3).Select(
            partition => KeyValuePair.Create(new TopicPartition(topic, partition), LogPosition.Beginning))]);
        var ends = new long[3];
        for (var partition = 0; partition < ends.Length; partition++)
            ends[partition] = (await client.Admin.DescribePartitionAsync(new TopicPartition(topic, partition))).HighWatermark;
        output.WriteLine($"{topic}: {sent} acknowledged, {ends.Sum()} records.");
        var found = new HashSet<string>(StringComparer.Ordinal);
        var read = 0L;
        using var limit = new CancellationTokenSource(Limit);
        await foreach (var record in consumer.ConsumeAsync(limit.Token))
        {
            Assert.True(found.Add(record.Value!), $"{topic}: {record.Value} is there twice.");
            if (++read == ends.Sum()) break;
        }

        Assert.Equal(sent, found.Count);
        Assert.All(Enumerable.Range(0, sent), value => Assert.Contains(value.ToString(CultureInfo.InvariantCulture), found));
    }
}
