using System.Text;
using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>What one client writes every other reads, with the same key in the same partition whoever wrote it.</summary>
public sealed class CrossReadTests
{
    private const int Keys = 40;
    private const long BaseMs = 1_700_000_000_000;

    [EveryClientFact]
    public async Task Every_client_reads_what_every_other_wrote()
    {
        using var data = new TemporaryDirectory();
        await using var silo = await SiloProcess.StartAsync(SiloSetup.In(data.Path));
        var bootstrap = silo.Setup.KafkaEndpoint;
        await using var client = await silo.ConnectAsync();
        await client.Admin.CreateTopicAsync("t", 4);

        await RealClient.RunScriptAsync("cross.py", "kafka-python", "write", bootstrap, "t");
        await RealClient.RunScriptAsync("cross.py", "confluent", "write", bootstrap, "t");
        await KafkaJs.RunAsync("cross.js", "write", bootstrap, "t");
        var lines = string.Concat(Enumerable.Range(0, Keys).Select(i => FormattableString.Invariant($"key-{i}:kcat:key-{i}\n")));
        await RealClient.RunAsync(
            "kcat", ["-b", bootstrap, "-P", "-t", "t", "-K:", "-H", "by=kcat", "-X", "topic.partitioner=murmur2_random"], lines);
        await WriteAsync(client);

        const int count = 5 * Keys;
        var typed = await ReadAsync(client, count);
        AssertPlacedAlike(typed);
        var amount = FormattableString.Invariant($"{count}");
        Assert.Equal(typed, Sorted(await RealClient.RunScriptAsync("cross.py", "kafka-python", "read", bootstrap, "t", amount)));
        Assert.Equal(typed, Sorted(await RealClient.RunScriptAsync("cross.py", "confluent", "read", bootstrap, "t", amount)));
        Assert.Equal(typed, Sorted(await KafkaJs.RunAsync("cross.js", "read", bootstrap, "t", amount)));
        Assert.Equal(typed, Sorted(await RealClient.RunAsync(
            "kcat", ["-b", bootstrap, "-C", "-t", "t", "-o", "beginning", "-e", "-q", "-f", "%p %k %s %h %T\\n"])));
    }

    private static async Task WriteAsync(OrleansLogClient client)
    {
        await using var producer = client.CreateProducer(new ProducerOptions<string, string>());
        for (var i = 0; i < Keys; i++)
        {
            await producer.EnqueueAsync(new ProducerRecord<string, string>("t", $"key-{i}", $"typed:key-{i}")
            {
                Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(BaseMs + i),
                Headers = [new RecordHeader("by", "typed"u8.ToArray())],
            });
        }

        await producer.FlushAsync();
    }

    private static async Task<string[]> ReadAsync(OrleansLogClient client, int count)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var consumer = client.CreateConsumer(new ConsumerOptions<string, string>
        {
            GroupId = "typed",
            AutoOffsetReset = AutoOffsetReset.Earliest,
        });
        consumer.Subscribe("t");
        var lines = new List<string>();
        await foreach (var record in consumer.ConsumeAsync(patience.Token))
        {
            var headers = string.Join(',', record.Headers.Select(header => $"{header.Key}={Encoding.UTF8.GetString(header.Value.Span)}"));
            lines.Add(FormattableString.Invariant($"{record.Partition} {record.Key} {record.Value} {headers} {record.TimestampMs}"));
            if (lines.Count == count) break;
        }

        return [.. lines.Order(StringComparer.Ordinal)];
    }

    private static void AssertPlacedAlike(string[] lines)
    {
        var partitionsByKey = lines.Select(line => line.Split(' ')).GroupBy(fields => fields[1], fields => fields[0]).ToList();
        Assert.Equal(Keys, partitionsByKey.Count);
        Assert.All(partitionsByKey, key => Assert.Single(key.Distinct()));
        Assert.True(lines.Select(line => line[0]).Distinct().Count() > 1, "all keys are in one partition, which proves nothing");
        Assert.All(
            lines.Where(line => !line.Contains("by=kcat", StringComparison.Ordinal)), // kcat cannot be told a time
            line => Assert.Contains($" {BaseMs / 10_000}", line, StringComparison.Ordinal));
    }

    private static string[] Sorted(string lines) =>
        [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)];
}
