using System.Diagnostics;
using System.Globalization;
using OrleansLog.Client;

namespace OrleansLog.Benchmarks;

/// <summary>
/// Replication: three silos and the client on one machine, replication factor 3 beside factor 1 of the same run. Needs a
/// PostgreSQL, in whose database it makes a schema of its own.
/// </summary>
internal static class ClusterBenchmark
{
    private const int Silos = 3, Partitions = 6, Runs = 3;
    private static readonly bool[] s_relaxed = [true, false];
    private static readonly (int Size, int Count)[] s_loads = [(100, 3_000_000), (1024, 400_000)];

    public static Task ThroughputAsync(Report report, string directory, string? postgres) => RunAsync(
        report, "acks=all, idempotent, client batches of 256 KiB", directory, postgres, async (client, silos) =>
        {
            foreach (var relaxed in s_relaxed)
            {
                foreach (var (size, count) in s_loads)
                    await ThroughputAsync(report, client, silos, size, count, relaxed);
            }
        });

    public static Task LatencyAsync(Report report, string directory, string? postgres) => RunAsync(
        report, $"acknowledged latency, acks=all, idempotent, 100 B at {PacedLoad.PerSecond}/s, linger 0, fsync unless said otherwise", directory, postgres,
        (client, silos) => LatencyAsync(report, client, silos, directory));

    private static async Task RunAsync(
        Report report, string title, string directory, string? postgres, Func<OrleansLogClient, SiloProcess[], Task> measureAsync)
    {
        report.Title($"{Silos} silos, {Partitions} partitions, {title}");
        if (postgres is null)
        {
            report.Note("not run: give a PostgreSQL with --postgres 'Host=...;Username=...;Database=...'");
            return;
        }

        var connection = string.Create(CultureInfo.InvariantCulture, $"{postgres};Search Path=benchmark_{Environment.ProcessId}");
        var silos = await Task.WhenAll(Enumerable.Range(1, Silos).Select(node => SiloProcess.StartAsync(
            Path.Combine(directory, $"node-{node}"), "--OrleansLog:Metadata:ConnectionString", connection)));
        try
        {
            await using var client = await OrleansLogClient.ConnectAsync(new OrleansLogClientOptions
            {
                Endpoints = string.Join(',', silos.Select(silo => $"127.0.0.1:{silo.GatewayPort}")),
            });
            await measureAsync(client, silos);
        }
        finally
        {
            foreach (var silo in silos) await silo.DisposeAsync();
        }
    }

    private static async Task ThroughputAsync(
        Report report, OrleansLogClient client, SiloProcess[] silos, int size, int count, bool relaxed)
    {
        var results = new Dictionary<int, (double Seconds, double SiloCpu, double ClientCpu)>();
        foreach (var replicas in new[] { 1, 3 })
        {
            var topic = await CreateAsync(client, $"perf-{size}-{(relaxed ? "relaxed" : "fsync")}-{replicas}", replicas, relaxed);
            await ProduceAsync(client, topic, size, count / 4);
            var runs = new List<(double Seconds, double SiloCpu, double ClientCpu)>();
            for (var run = 0; run < Runs; run++)
            {
                var (siloCpu, clientCpu) = (silos.Sum(silo => silo.CpuSeconds), ThisProcess.CpuSeconds);
                var seconds = await ProduceAsync(client, topic, size, count);
                runs.Add((seconds, silos.Sum(silo => silo.CpuSeconds) - siloCpu, ThisProcess.CpuSeconds - clientCpu));
            }

            results[replicas] = runs.OrderBy(run => run.Seconds).ElementAt(Runs / 2);
        }

        var (single, tripled) = (results[1], results[3]);
        var megabytes = (double)count * size / 1e6;
        var what = $"produced, {size} B, {(relaxed ? "relaxed flush" : "fsync on each replica before each acknowledgement")}, replication factor 3 (baseline: 1)";
        var part = relaxed ? 1.0 : 0.7;
        if (size == 100) report.Figure(what, count / tripled.Seconds, "records/s", 1_200_000 * part, count / single.Seconds);
        else report.Figure(what, megabytes / tripled.Seconds, "MB/s", 150 * part, megabytes / single.Seconds);
        report.Tell("  CPU of the three silos", tripled.SiloCpu / megabytes * 1000, "s/GB");
        report.Tell("  CPU of the client", tripled.ClientCpu / megabytes * 1000, "s/GB");
    }

    private static async Task LatencyAsync(Report report, OrleansLogClient client, SiloProcess[] silos, string directory)
    {
        foreach (var (replicas, relaxed) in new[] { (1, false), (3, false), (3, true) })
        {
            var topic = await CreateAsync(client, $"latency-{replicas}{(relaxed ? "-relaxed" : "")}", replicas, relaxed);
            var pause = TimeSpan.FromSeconds(1.0 / PacedLoad.PerSecond);
            RawDisk.Settle();
            var raw = relaxed ? [] : RawDisk.SyncedWriteSeconds(directory, new byte[170], 3000, pause, files: replicas);
            var (siloCpu, clientCpu, watch) = (silos.Sum(silo => silo.CpuSeconds), ThisProcess.CpuSeconds, Stopwatch.StartNew());
            var seconds = await MeasureLatencyAsync(client, topic);
            siloCpu = (silos.Sum(silo => silo.CpuSeconds) - siloCpu) / watch.Elapsed.TotalSeconds;
            clientCpu = (ThisProcess.CpuSeconds - clientCpu) / watch.Elapsed.TotalSeconds;
            var what = $"replication factor {replicas}" + (relaxed ? ", relaxed flush" : " (baseline: as many files at once, write + fdatasync at this rate)");
            report.Figure(what + ", p50", Samples.Median(seconds) * 1e6, "µs", 1000, Samples.Median(raw) * 1e6, atMost: true);
            report.Figure("  p99", Samples.Percentile(seconds, 0.99) * 1e6, "µs", 4000, Samples.Percentile(raw, 0.99) * 1e6, atMost: true);
            foreach (var fraction in new[] { 0.9, 0.999 })
                report.Tell($"  p{fraction * 100:0.#}", Samples.Percentile(seconds, fraction) * 1e6, "µs");
            report.Tell("  CPU of the three silos", siloCpu * 1000, "ms/s");
            report.Tell("  CPU of the client", clientCpu * 1000, "ms/s");
        }
    }

    private static async Task<List<double>> MeasureLatencyAsync(OrleansLogClient client, string topic)
    {
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, ReadOnlyMemory<byte>>());
        var value = new byte[100];
        new Random(1).NextBytes(value);
        return await PacedLoad.RunAsync(
            i => OneAsync(producer, new ProducerRecord<NoKey, ReadOnlyMemory<byte>>(topic, default, value) { Partition = i % Partitions }));
    }

    private static async Task<double> OneAsync(
        Producer<NoKey, ReadOnlyMemory<byte>> producer, ProducerRecord<NoKey, ReadOnlyMemory<byte>> record)
    {
        var start = Stopwatch.GetTimestamp();
        await producer.ProduceAsync(record);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task<string> CreateAsync(OrleansLogClient client, string topic, int replicas, bool relaxed)
    {
        var configs = new Dictionary<string, string> { ["min.insync.replicas"] = replicas == 3 ? "2" : "1" };
        if (relaxed) configs["flush.messages"] = long.MaxValue.ToString(CultureInfo.InvariantCulture);
        await client.Admin.CreateTopicAsync(topic, Partitions, (short)replicas, configs);
        return topic;
    }

    private static async Task<double> ProduceAsync(OrleansLogClient client, string topic, int size, int count)
    {
        var value = new byte[size];
        new Random(1).NextBytes(value);
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, ReadOnlyMemory<byte>>());
        var record = new ProducerRecord<NoKey, ReadOnlyMemory<byte>>(topic, default, value);
        await producer.ProduceAsync(record);
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < count; i++) await producer.EnqueueAsync(record with { Partition = i / 1000 % Partitions });
        await producer.FlushAsync();
        return watch.Elapsed.TotalSeconds;
    }
}
