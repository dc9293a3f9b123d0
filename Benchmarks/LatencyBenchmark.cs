using System.Diagnostics;
using OrleansLog.Client;

namespace OrleansLog.Benchmarks;

/// <summary>Figure (e): acknowledged latency at a rate, against the fdatasync of the same machine in the same run.</summary>
internal static class LatencyBenchmark
{
    private const int RecordsPerSecond = 1000, Seconds = 15, WarmUpSeconds = 4;

    public static async Task RunAsync(Report report, string directory)
    {
        report.Title("(e) acknowledged latency, 100 B records at 1,000/s, linger 0, fsync before each acknowledgement");
        // At the same rate: cores and disk that rest in between take about twice as long to answer as in a loop without a pause.
        var pause = TimeSpan.FromSeconds(1.0 / RecordsPerSecond);
        var before = RawDisk.SyncedWriteSeconds(directory, new byte[170], 3000, pause);
        var seconds = await MeasureAsync(Path.Combine(directory, "latency"));
        var after = RawDisk.SyncedWriteSeconds(directory, new byte[170], 3000, pause);
        var sync = Samples.Median(before.Concat(after)) * 1e6;
        var p50 = Samples.Median(seconds) * 1e6;
        report.Ratio("p50, to write + fdatasync at the same rate", p50, sync, "µs", 4, atMost: true);
        var busy = Samples.Median(RawDisk.SyncedWriteSeconds(directory, new byte[170], 1000)) * 1e6;
        report.Ratio("p50, to write + fdatasync without a pause", p50, busy, "µs", 4, atMost: true);
        foreach (var fraction in new[] { 0.95, 0.99, 0.999 })
            report.Tell($"p{fraction * 100:0.#}", Samples.Percentile(seconds, fraction) * 1e6, "µs");
        report.Tell("p99 of the bare write + fdatasync", Samples.Percentile(before.Concat(after), 0.99) * 1e6, "µs");
    }

    private static async Task<List<double>> MeasureAsync(string directory)
    {
        await using var silo = await SiloProcess.StartAsync(directory);
        await using var client = await OrleansLogClient.ConnectAsync(
            new OrleansLogClientOptions { Endpoints = $"127.0.0.1:{silo.GatewayPort}" });
        await client.Admin.CreateTopicAsync("latency", partitions: 1);
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, ReadOnlyMemory<byte>>());
        var value = new byte[100];
        new Random(1).NextBytes(value);
        var results = new List<double>();
        var pending = new List<Task<double>>();
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < RecordsPerSecond * (Seconds + WarmUpSeconds); i++)
        {
            // Records are due by the clock, one a millisecond: one that comes late because the last was slow counts from then.
            var due = TimeSpan.FromSeconds((double)i / RecordsPerSecond);
            while (clock.Elapsed < due) await Task.Delay(1);
            pending.Add(OneAsync(producer, value));
            if (i == RecordsPerSecond * WarmUpSeconds) pending.Clear();
        }

        foreach (var one in pending) results.Add(await one);
        return results;
    }

    private static async Task<double> OneAsync(Producer<NoKey, ReadOnlyMemory<byte>> producer, byte[] value)
    {
        var start = Stopwatch.GetTimestamp();
        await producer.ProduceAsync("latency", default, value);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
