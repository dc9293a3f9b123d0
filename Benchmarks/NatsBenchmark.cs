using System.Diagnostics;
using System.Globalization;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace OrleansLog.Benchmarks;

/// <summary>
/// A peer under the loads of <see cref="ClusterBenchmark"/>: three nodes of NATS JetStream, streams of replication factor 3 in files,
/// their own .NET client. It acknowledges what a majority has written to its page cache. Needs <c>nats-server</c> on the PATH.
/// </summary>
internal static class NatsBenchmark
{
    private const int Nodes = 3, Streams = 6, Outstanding = 4000;
    private static readonly (int Size, int Count)[] s_loads = [(100, 300_000), (1024, 100_000)];
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static async Task RunAsync(Report report, string directory)
    {
        report.Title($"NATS JetStream: {Nodes} nodes, {Streams} streams of replication factor 3, no fsync");
        using var servers = Servers.TryStart(directory);
        if (servers is null)
        {
            report.Note("not run: there is no nats-server on the PATH");
            return;
        }

        await using var connection = new NatsConnection(new NatsOpts { Url = servers.Url, RetryOnInitialConnect = true });
        var js = new NatsJSContext(connection);
        await CreateAsync(js);
        await LatencyAsync(report, js, servers);
        foreach (var (size, count) in s_loads) await ThroughputAsync(report, js, servers, size, count);
    }

    private static async Task LatencyAsync(Report report, NatsJSContext js, Servers servers)
    {
        var value = new byte[100];
        new Random(1).NextBytes(value);
        var (cpu, clientCpu, watch) = (servers.CpuSeconds, ThisProcess.CpuSeconds, Stopwatch.StartNew());
        var seconds = await PacedLoad.RunAsync(async i =>
        {
            var start = Stopwatch.GetTimestamp();
            (await js.PublishAsync(Subject(i), value)).EnsureSuccess();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        });
        foreach (var fraction in new[] { 0.5, 0.9, 0.99, 0.999 })
            report.Tell($"acknowledged latency, 100 B at {PacedLoad.PerSecond}/s, p{fraction * 100:0.#}", Samples.Percentile(seconds, fraction) * 1e6, "µs");
        report.Tell("  CPU of the three nodes", (servers.CpuSeconds - cpu) / watch.Elapsed.TotalSeconds * 1000, "ms/s");
        report.Tell("  CPU of the client", (ThisProcess.CpuSeconds - clientCpu) / watch.Elapsed.TotalSeconds * 1000, "ms/s");
    }

    private static async Task ThroughputAsync(Report report, NatsJSContext js, Servers servers, int size, int count)
    {
        var value = new byte[size];
        new Random(1).NextBytes(value);
        await PublishAsync(js, value, count / 4);
        var runs = new List<(double Seconds, double Cpu, double ClientCpu)>();
        for (var run = 0; run < 3; run++)
        {
            var (cpu, clientCpu, watch) = (servers.CpuSeconds, ThisProcess.CpuSeconds, Stopwatch.StartNew());
            await PublishAsync(js, value, count);
            runs.Add((watch.Elapsed.TotalSeconds, servers.CpuSeconds - cpu, ThisProcess.CpuSeconds - clientCpu));
        }

        var median = runs.OrderBy(run => run.Seconds).ElementAt(1);
        var megabytes = (double)count * size / 1e6;
        report.Tell($"published, {size} B, {Outstanding} outstanding", size == 100 ? count / median.Seconds : megabytes / median.Seconds, size == 100 ? "records/s" : "MB/s");
        report.Tell("  CPU of the three nodes", median.Cpu / megabytes * 1000, "s/GB");
        report.Tell("  CPU of the client", median.ClientCpu / megabytes * 1000, "s/GB");
    }

    private static async Task PublishAsync(NatsJSContext js, byte[] value, int count)
    {
        // Acknowledgements are waited for in the order of publishing, so many at a time.
        var pending = new Queue<NatsJSPublishConcurrentFuture>(Outstanding);
        for (var i = 0; i < count; i++)
        {
            if (pending.Count == Outstanding) await DoneAsync(pending.Dequeue());
            pending.Enqueue(await js.PublishConcurrentAsync(Subject(i / 100), value));
        }

        while (pending.TryDequeue(out var next)) await DoneAsync(next);

        static async Task DoneAsync(NatsJSPublishConcurrentFuture future)
        {
            await using (future) (await future.GetResponseAsync()).EnsureSuccess();
        }
    }

    private static string Subject(int i) => string.Create(CultureInfo.InvariantCulture, $"perf.{i % Streams}");

    private static async Task CreateAsync(NatsJSContext js)
    {
        for (var stream = 0; stream < Streams; stream++)
        {
            var config = new StreamConfig(string.Create(CultureInfo.InvariantCulture, $"perf-{stream}"), [Subject(stream)])
            {
                NumReplicas = Nodes, Storage = StreamConfigStorage.File,
            };
            var started = Stopwatch.GetTimestamp();
            while (true)
            {
                try
                {
                    await js.CreateStreamAsync(config);
                    break;
                }
                catch (Exception e) when (e is NatsException && Stopwatch.GetElapsedTime(started) < s_patience)
                {
                    await Task.Delay(500); // they have not elected anybody yet
                }
            }
        }
    }

    private sealed class Servers : IDisposable
    {
        private readonly List<Process> _processes = [];

        public string Url { get; private init; } = "";

        public double CpuSeconds => _processes.Sum(process =>
        {
            process.Refresh();
            return process.TotalProcessorTime.TotalSeconds;
        });

        public static Servers? TryStart(string directory)
        {
            var ports = Enumerable.Range(0, 2 * Nodes).Select(_ => RawSocket.FreePort()).ToArray();
            var servers = new Servers { Url = string.Join(',', ports.Take(Nodes).Select(port => $"nats://127.0.0.1:{port}")) };
            var routes = string.Join(',', ports.Skip(Nodes).Select(port => $"\"nats://127.0.0.1:{port}\""));
            try
            {
                for (var node = 0; node < Nodes; node++)
                {
                    var config = Path.Combine(directory, $"node-{node}.conf");
                    File.WriteAllText(config, $$"""
                        server_name: "node-{{node}}"
                        listen: "127.0.0.1:{{ports[node]}}"
                        jetstream { store_dir: "{{Path.Combine(directory, $"node-{node}")}}" }
                        cluster { name: "benchmark", listen: "127.0.0.1:{{ports[Nodes + node]}}", routes: [{{routes}}] }
                        """);
                    servers._processes.Add(Process.Start(new ProcessStartInfo("nats-server", ["-c", config, "-l", config + ".log"]))!);
                }

                return servers;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                servers.Dispose();
                return null;
            }
        }

        public void Dispose()
        {
            foreach (var process in _processes)
            {
                process.Kill();
                process.WaitForExit();
                process.Dispose();
            }
        }
    }
}
