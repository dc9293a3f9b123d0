using BenchmarkDotNet.Running;
using OrleansLog.Benchmarks;

// Usage: dotnet run -c Release --project Benchmarks -- [all | append | commit | joint | read | client | latency | idle | partitions | cluster | cluster-latency | reassign | nats]...
//        dotnet run -c Release --project Benchmarks -- micro [BenchmarkDotNet's own arguments]
// Files go to a new folder below the current directory, or below that of --directory PATH, and are removed at the end.
// cluster, cluster-latency and reassign need a database: --postgres 'Host=...;Username=...;Database=...'
// --used-memory fills the page cache before each, as it is on a machine that has run for a while.
// nats is a peer under the loads of cluster and cluster-latency, and needs a nats-server on the PATH.

if (args is ["micro", ..]) return BenchmarkSwitcher.FromAssembly(typeof(Report).Assembly).Run(args[1..]).Any() ? 0 : 1;

var postgres = Option("--postgres");
var parent = Option("--directory") ?? Environment.CurrentDirectory;
var runs = new (string Name, Func<Report, string, Task> RunAsync)[]
{
    ("append", EngineBenchmark.AppendAsync),
    ("commit", EngineBenchmark.GroupCommitAsync),
    ("joint", EngineBenchmark.JointCommitAsync),
    ("read", EngineBenchmark.ReadAsync),
    ("client", ClientBenchmark.RunAsync),
    ("latency", LatencyBenchmark.RunAsync),
    ("idle", FootprintBenchmark.IdleAsync),
    ("partitions", FootprintBenchmark.PartitionsAsync),
    ("cluster", (report, directory) => ClusterBenchmark.ThroughputAsync(report, directory, postgres)),
    ("cluster-latency", (report, directory) => ClusterBenchmark.LatencyAsync(report, directory, postgres)),
    ("nats", NatsBenchmark.RunAsync),
    ("reassign", (report, directory) => ReassignBenchmark.RunAsync(report, directory, postgres)),
};
var wanted = args.Where((text, i) => !text.StartsWith("--", StringComparison.Ordinal)
    && (i == 0 || args[i - 1] is not ("--postgres" or "--directory"))).ToArray();
if (wanted.FirstOrDefault(name => name != "all" && runs.All(run => run.Name != name)) is { } unknown)
{
    Console.Error.WriteLine($"There is no benchmark '{unknown}'; there are all, {string.Join(", ", runs.Select(run => run.Name))} and micro.");
    return 2;
}

var report = new Report(Console.Out);
foreach (var (name, runAsync) in runs)
{
    if (wanted.Length > 0 && !wanted.Contains("all") && !wanted.Contains(name)) continue;
    var directory = Path.Combine(parent, $"benchmark-{name}-{Environment.ProcessId}");
    Directory.CreateDirectory(directory);
    using var used = args.Contains("--used-memory") ? UsedMemory.Fill(parent) : null;
    try
    {
        await runAsync(report, directory);
    }
    finally
    {
        Directory.Delete(directory, recursive: true);
    }
}

return 0;

string? Option(string name)
{
    var at = Array.IndexOf(args, name);
    return at >= 0 && at + 1 < args.Length ? args[at + 1] : null;
}
