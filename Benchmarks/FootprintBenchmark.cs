using System.Diagnostics;
using OrleansLog.Client;

namespace OrleansLog.Benchmarks;

/// <summary>Figures (f) and (g): what a silo costs when it does nothing, and how soon it works.</summary>
internal static class FootprintBenchmark
{
    private const int Partitions = 2000;

    public static async Task IdleAsync(Report report, string directory)
    {
        report.Title("(f) an idle silo");
        var first = new List<double>();
        var resident = new List<double>();
        for (var run = 0; run < 3; run++)
        {
            var watch = Stopwatch.StartNew();
            await using var silo = await SiloProcess.StartAsync(Path.Combine(directory, $"idle-{run}"));
            await using (var client = await ConnectAsync(silo))
            {
                await client.Admin.CreateTopicAsync("first", partitions: 1);
                await using var producer = client.CreateProducer(new ProducerOptions<NoKey, string>());
                await producer.ProduceAsync("first", default, "record");
                first.Add(watch.Elapsed.TotalSeconds);
            }

            await Task.Delay(TimeSpan.FromSeconds(5));
            resident.Add(silo.ResidentMegabytes);
        }

        report.Figure("start of the process to the first acknowledged record (topic created in between)",
            Samples.Median(first), "s", 2.5, atMost: true);
        report.Figure("resident memory, idle for 5 s", Samples.Median(resident), "MB", 150, atMost: true);
    }

    public static async Task PartitionsAsync(Report report, string directory)
    {
        report.Title($"(g) {Partitions} idle partitions on one silo");
        directory = Path.Combine(directory, "partitions");
        await using (var silo = await SiloProcess.StartAsync(directory))
        {
            await using var client = await ConnectAsync(silo);
            await client.Admin.CreateTopicAsync("few", partitions: 1);
            await OneRecordEachAsync(client, "few", 1);
            await Task.Delay(TimeSpan.FromSeconds(3));
            var before = silo.ResidentMegabytes;
            await client.Admin.CreateTopicAsync("many", partitions: Partitions);
            var watch = Stopwatch.StartNew();
            await OneRecordEachAsync(client, "many", Partitions);
            report.Tell("first record to each, acknowledged", watch.Elapsed.TotalSeconds, "s");
            await Task.Delay(TimeSpan.FromSeconds(10));
            report.Tell("resident memory per open partition", (silo.ResidentMegabytes - before) * 1024 / Partitions, "KiB");
            var cpu = silo.CpuSeconds;
            await Task.Delay(TimeSpan.FromSeconds(10));
            report.Tell("CPU of the silo with all of them idle and open", (silo.CpuSeconds - cpu) / 10 * 1000, "ms/s");
            silo.Kill();
        }

        foreach (var after in new[] { "kill -9", "a graceful stop" })
        {
            await using var silo = await SiloProcess.StartAsync(directory);
            report.Tell($"restart after {after} until it listens", silo.Ready.TotalSeconds, "s");
            await using var client = await ConnectAsync(silo);
            var watch = Stopwatch.StartNew();
            await OneRecordEachAsync(client, "many", Partitions);
            report.Tell("  then one more record to each, acknowledged", watch.Elapsed.TotalSeconds, "s");
        }
    }

    private static async Task OneRecordEachAsync(OrleansLogClient client, string topic, int partitions)
    {
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, string>());
        var pending = new List<PendingDelivery>();
        for (var partition = 0; partition < partitions; partition++)
            pending.Add(await producer.EnqueueAsync(new ProducerRecord<NoKey, string>(topic, default, "x") { Partition = partition }));
        foreach (var one in pending) await one;
    }

    private static Task<OrleansLogClient> ConnectAsync(SiloProcess silo) => OrleansLogClient.ConnectAsync(
        new OrleansLogClientOptions { Endpoints = $"127.0.0.1:{silo.GatewayPort}" });
}
