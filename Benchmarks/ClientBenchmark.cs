using System.Diagnostics;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Benchmarks;

/// <summary>Figure (d): the typed client against a silo in another process, over loopback, one partition.</summary>
internal static class ClientBenchmark
{
    public static async Task RunAsync(Report report, string directory)
    {
        report.Title("(d) typed client to silo over loopback, one partition, replication factor 1");
        var socket = RawSocket.BytesPerSecond(256 * 1024, 4L << 30) / 1e6;
        report.Tell("raw loopback socket, one sender and one receiver", socket, "MB/s");
        await using var silo = await SiloProcess.StartAsync(Path.Combine(directory, "client"));
        await using var client = await OrleansLogClient.ConnectAsync(
            new OrleansLogClientOptions { Endpoints = $"127.0.0.1:{silo.GatewayPort}" });
        foreach (var (size, count) in new[] { (100, 6_000_000), (1024, 1_500_000) })
        {
            foreach (var relaxed in new[] { true, false })
            {
                var topic = $"perf-{size}-{(relaxed ? "relaxed" : "fsync")}";
                var configs = new Dictionary<string, string>();
                if (relaxed) configs["flush.messages"] = long.MaxValue.ToString(System.Globalization.CultureInfo.InvariantCulture);
                await client.Admin.CreateTopicAsync(topic, partitions: 1, configs: configs);
                await ProduceAsync(client, topic, size, count / 10);
                await MeasureProduceAsync(report, client, silo, topic, size, count, relaxed, socket);
                if (relaxed) await MeasureConsumeAsync(report, client, silo, topic, size, socket);
            }
        }
    }

    private static async Task MeasureProduceAsync(
        Report report, OrleansLogClient client, SiloProcess silo, string topic, int size, int count, bool relaxed, double socket)
    {
        var runs = new List<(double Seconds, double SiloCpu, double ClientCpu)>();
        for (var run = 0; run < 3; run++)
        {
            var (siloCpu, clientCpu) = (silo.CpuSeconds, ThisProcess.CpuSeconds);
            var seconds = await ProduceAsync(client, topic, size, count);
            runs.Add((seconds, silo.CpuSeconds - siloCpu, ThisProcess.CpuSeconds - clientCpu));
        }

        var median = runs.OrderBy(run => run.Seconds).ElementAt(1);
        var megabytes = (double)count * size / 1e6;
        var what = $"produced, {size} B, acks=all, idempotent, {(relaxed ? "relaxed flush" : "fsync before each acknowledgement")}";
        if (size == 100) report.Figure(what, count / median.Seconds, "records/s", relaxed ? 1_500_000 : 1_000_000);
        if (size != 100 && relaxed) report.Figure(what, megabytes / median.Seconds, "MB/s", 300, socket);
        else report.Tell(what, megabytes / median.Seconds, "MB/s");
        report.Tell("  CPU of the silo", median.SiloCpu / megabytes * 1000, "s/GB");
        report.Tell("  CPU of the client", median.ClientCpu / megabytes * 1000, "s/GB");
    }

    private static async Task MeasureConsumeAsync(
        Report report, OrleansLogClient client, SiloProcess silo, string topic, int size, double socket)
    {
        var runs = new List<(double Seconds, long Count, double SiloCpu, double ClientCpu)>();
        for (var run = 0; run < 3; run++)
        {
            var (siloCpu, clientCpu) = (silo.CpuSeconds, ThisProcess.CpuSeconds);
            var (seconds, count) = await ConsumeAsync(client, topic);
            runs.Add((seconds, count, silo.CpuSeconds - siloCpu, ThisProcess.CpuSeconds - clientCpu));
        }

        var median = runs.OrderBy(run => run.Seconds).ElementAt(1);
        var megabytes = (double)median.Count * size / 1e6;
        var what = $"consumed, {size} B, from the start, CRC checked";
        if (size == 100) report.Figure(what, median.Count / median.Seconds, "records/s", 5_000_000);
        if (size != 100) report.Figure(what, megabytes / median.Seconds, "MB/s", 900, socket);
        else report.Tell(what, megabytes / median.Seconds, "MB/s");
        report.Tell("  CPU of the silo", median.SiloCpu / megabytes * 1000, "s/GB");
        report.Tell("  CPU of the client", median.ClientCpu / megabytes * 1000, "s/GB");
    }

    private static async Task<double> ProduceAsync(OrleansLogClient client, string topic, int size, int count)
    {
        var value = new byte[size];
        new Random(1).NextBytes(value);
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, ReadOnlyMemory<byte>>());
        var record = new ProducerRecord<NoKey, ReadOnlyMemory<byte>>(topic, default, value);
        var last = await producer.EnqueueAsync(record);
        await last;
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < count; i++) last = await producer.EnqueueAsync(record);
        await producer.FlushAsync();
        await last;
        return watch.Elapsed.TotalSeconds;
    }

    private static async Task<(double Seconds, long Count)> ConsumeAsync(OrleansLogClient client, string topic)
    {
        await using var consumer = client.CreateConsumer(
            new ConsumerOptions<NoKey, ReadOnlyMemory<byte>> { StopAtEnd = true });
        consumer.Assign([KeyValuePair.Create(new TopicPartition(topic, 0), LogPosition.Beginning)]);
        long count = 0, bytes = 0;
        var watch = Stopwatch.StartNew();
        await foreach (var record in consumer.ConsumeAsync())
        {
            count++;
            bytes += record.Value.Length;
        }

        GC.KeepAlive(bytes);
        return (watch.Elapsed.TotalSeconds, count);
    }
}
