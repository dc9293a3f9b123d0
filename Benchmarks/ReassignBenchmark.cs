using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Benchmarks;

/// <summary>
/// A partition of 1 GB is moved from its leader's node to a new one while records come in, its own among them: replication factor 3,
/// four silos and the client on one machine. Needs a PostgreSQL, in whose database it makes a schema of its own.
/// </summary>
internal static class ReassignBenchmark
{
    private const string Topic = "moved", Load = "load";
    private const int RecordSize = 1024, LoadPartitions = 5, RecordsPerSecond = 500;
    private const long Bytes = 1_000_000_000;
    private static readonly TimeSpan s_warmUp = TimeSpan.FromSeconds(5), s_before = TimeSpan.FromSeconds(10);

    public static async Task RunAsync(Report report, string directory, string? postgres)
    {
        report.Title($"A reassignment of 1 GB under load: {RecordsPerSecond} records/s of 100 B, linger 0, acks=all, fsync, replication factor 3");
        if (postgres is null)
        {
            report.Note("not run: give a PostgreSQL with --postgres 'Host=...;Username=...;Database=...'");
            return;
        }

        var connection = string.Create(CultureInfo.InvariantCulture, $"{postgres};Search Path=benchmark_{Environment.ProcessId}");
        var silos = await Task.WhenAll(Enumerable.Range(1, 4).Select(node => SiloProcess.StartAsync(
            DataOf(directory, node), "--OrleansLog:Metadata:ConnectionString", connection,
            "--OrleansLog:NodeId", node.ToString(CultureInfo.InvariantCulture))));
        IReadOnlyList<int> holders;
        try
        {
            await using var client = await OrleansLogClient.ConnectAsync(new OrleansLogClientOptions
            {
                Endpoints = string.Join(',', silos.Select(silo => $"127.0.0.1:{silo.GatewayPort}")),
            });
            holders = await MoveUnderLoadAsync(report, client);
        }
        finally
        {
            await Task.WhenAll(silos.Select(silo => silo.DisposeAsync().AsTask()));
        }

        var contents = holders.Select(node => Contents(DataOf(directory, node))).ToArray();
        report.Figure("  replicas that are byte-identical afterwards", contents.Count(each => each == contents[0]), "of 3", 3);
    }

    private static async Task<IReadOnlyList<int>> MoveUnderLoadAsync(Report report, OrleansLogClient client)
    {
        var configs = new Dictionary<string, string> { ["min.insync.replicas"] = "2" };
        var topic = await client.Admin.CreateTopicAsync(Topic, 1, 3, configs);
        await client.Admin.CreateTopicAsync(Load, LoadPartitions, 3, configs);
        await FillAsync(client);
        var now = topic.Partitions[0].Replicas;
        var added = Enumerable.Range(1, 4).Single(node => !now.Contains(node));
        IReadOnlyList<int> then = [added, .. now.Skip(1)];

        using var stop = new CancellationTokenSource();
        var samples = new LoadSamples();
        var load = RunLoadAsync(client, samples, stop.Token);
        await Task.Delay(s_warmUp);
        var began = Stopwatch.GetTimestamp();
        await Task.Delay(s_before);
        var moveBegan = Stopwatch.GetTimestamp();
        await client.Admin.ReassignPartitionsAsync(
            new Dictionary<TopicPartition, IReadOnlyList<int>?> { [new TopicPartition(Topic, 0)] = then });
        await client.Admin.WaitForReassignmentsAsync();
        var moveEnded = Stopwatch.GetTimestamp();
        await stop.CancelAsync();
        await load;

        var (before, during) = (samples.Between(began, moveBegan), samples.Between(moveBegan, moveEnded));
        report.Tell("duration", Stopwatch.GetElapsedTime(moveBegan, moveEnded).TotalSeconds, "s");
        report.Tell("  copied at", Bytes / 1e6 / Stopwatch.GetElapsedTime(moveBegan, moveEnded).TotalSeconds, "MB/s");
        report.Figure("  failed produces", samples.Failed, "", 0, atMost: true);
        report.Tell("acknowledged latency p50 while it runs", Samples.Median(during) * 1e6, "µs");
        report.Tell("  before", Samples.Median(before) * 1e6, "µs");
        report.Ratio(
            "  p99 (baseline: before)", Samples.Percentile(during, 0.99) * 1e6, Samples.Percentile(before, 0.99) * 1e6, "µs", 2, atMost: true);
        report.Tell("  longest", during.Max() * 1e6, "µs");
        return (await client.Admin.DescribePartitionAsync(new TopicPartition(Topic, 0))).Replicas;
    }

    private static async Task FillAsync(OrleansLogClient client)
    {
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, ReadOnlyMemory<byte>>());
        var value = new byte[RecordSize];
        new Random(1).NextBytes(value);
        var record = new ProducerRecord<NoKey, ReadOnlyMemory<byte>>(Topic, default, value);
        for (var i = 0L; i < Bytes / RecordSize; i++) await producer.EnqueueAsync(record);
        await producer.FlushAsync();
    }

    // One record in six goes to the partition that is moved.
    private static async Task RunLoadAsync(OrleansLogClient client, LoadSamples samples, CancellationToken stop)
    {
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, ReadOnlyMemory<byte>>());
        var value = new byte[100];
        new Random(1).NextBytes(value);
        var pending = new List<Task>();
        var clock = Stopwatch.StartNew();
        for (var i = 0; !stop.IsCancellationRequested; i++)
        {
            var due = TimeSpan.FromSeconds((double)i / RecordsPerSecond);
            while (clock.Elapsed < due) await Task.Delay(1, CancellationToken.None);
            var partition = i % (LoadPartitions + 1);
            var record = partition == LoadPartitions
                ? new ProducerRecord<NoKey, ReadOnlyMemory<byte>>(Topic, default, value) { Partition = 0 }
                : new ProducerRecord<NoKey, ReadOnlyMemory<byte>>(Load, default, value) { Partition = partition };
            pending.Add(samples.TakeAsync(() => producer.ProduceAsync(record)));
        }

        await Task.WhenAll(pending);
    }

    private static string DataOf(string directory, int node) =>
        Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"node-{node}"));

    // Where segments begin is each node's own affair; what batches they hold is not.
    private static string Contents(string dataDirectory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var file in Directory.GetFiles(Path.Combine(dataDirectory, $"{Topic}-0"), "*.log").Order(StringComparer.Ordinal))
        {
            ReadOnlyMemory<byte> rest = File.ReadAllBytes(file);
            while (RecordBatch.TryReadNext(ref rest, out var batch, out _)) hash.AppendData(batch.Span);
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }

    /// <summary>How long records took, and when they were sent.</summary>
    private sealed class LoadSamples
    {
        private readonly Lock _gate = new();
        private readonly List<(long At, double Seconds)> _samples = [];
        private int _failed;

        public int Failed => _failed;

        public async Task TakeAsync<T>(Func<ValueTask<T>> send)
        {
            var at = Stopwatch.GetTimestamp();
            try
            {
                await send();
                lock (_gate) _samples.Add((at, Stopwatch.GetElapsedTime(at).TotalSeconds));
            }
            catch (OrleansLogException e)
            {
                Console.Error.WriteLine(e.Message);
                Interlocked.Increment(ref _failed);
            }
        }

        public List<double> Between(long from, long until)
        {
            lock (_gate) return [.. _samples.Where(sample => sample.At >= from && sample.At < until).Select(sample => sample.Seconds)];
        }
    }
}
