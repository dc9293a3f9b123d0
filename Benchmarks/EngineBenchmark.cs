using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Benchmarks;

/// <summary>Figures (a), (b) and (c): the engine alone, against bare system calls on the same disk in the same run.</summary>
internal static class EngineBenchmark
{
    private const int Rounds = 5;

    public static async Task AppendAsync(Report report, string directory)
    {
        report.Title("(a) engine append, 64 KiB batches, relaxed flush, one partition");
        const long bytes = 1L << 30;
        var batch = Batch(64 * 1024);
        var (raw, engine) = (new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            var baseline = RawDisk.WriteBytesPerSecond(directory, batch, bytes);
            await using var manager = await OpenAsync(Path.Combine(directory, $"append-{round}"));
            var log = await OpenLogAsync(manager, new LogConfig { FlushMessages = long.MaxValue });
            var watch = Stopwatch.StartNew();
            for (long written = 0; written < bytes; written += batch.Length) log.AppendAsLeader(batch, leaderEpoch: 0);
            if (round == 0) continue; // the first round warms up
            engine.Add(bytes / watch.Elapsed.TotalSeconds / 1e6);
            raw.Add(baseline / 1e6);
            await manager.DeleteLogAsync(log.Partition);
        }

        report.Ratio("bytes appended against a bare pwrite loop", Samples.Median(engine), Samples.Median(raw), "MB/s", 0.7);
    }

    public static async Task GroupCommitAsync(Report report, string directory)
    {
        report.Title("(b) engine append with group commit, 32 concurrent appenders of 4 KiB batches, one partition");
        const int appenders = 32, appends = 1000;
        var (raw, engine) = (new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            var baseline = 1 / Samples.Median(RawDisk.SyncedWriteSeconds(directory, Batch(4096), 1000));
            await using var manager = await OpenAsync(Path.Combine(directory, $"commit-{round}"));
            var log = await OpenLogAsync(manager, LogConfig.Default);
            var watch = Stopwatch.StartNew();
            await Task.WhenAll(Enumerable.Range(0, appenders).Select(_ => Task.Run(async () =>
            {
                var batch = Batch(4096);
                for (var i = 0; i < appends; i++)
                {
                    var result = log.AppendAsLeader(batch, leaderEpoch: 0);
                    await log.WhenFlushedAsync(result.NextOffset);
                }
            })));
            if (round == 0) continue;
            engine.Add(appenders * appends / watch.Elapsed.TotalSeconds);
            raw.Add(baseline);
        }

        report.Ratio("acknowledged appends against one writer's pwrite + fdatasync",
            Samples.Median(engine), Samples.Median(raw), "/s", 8);
    }

    public static async Task ReadAsync(Report report, string directory)
    {
        report.Title("(c) sequential engine read, 1 MiB at a time, one partition, from the page cache, CRC checked");
        const long bytes = 1L << 30;
        var batch = Batch(64 * 1024);
        await using var manager = await OpenAsync(Path.Combine(directory, "read"));
        var log = await OpenLogAsync(manager, new LogConfig { FlushMessages = long.MaxValue });
        for (long written = 0; written < bytes; written += batch.Length) log.AppendAsLeader(batch, leaderEpoch: 0);
        var path = Directory.EnumerateFiles(directory, "*.log", SearchOption.AllDirectories).OrderBy(file => file).First();
        var buffer = new byte[1 << 20];
        var (raw, engine) = (new List<double>(), new List<double>());
        for (var round = 0; round <= Rounds; round++)
        {
            var baseline = RawDisk.ReadBytesPerSecond(path, buffer) / 1e6;
            long read = 0;
            var watch = Stopwatch.StartNew();
            for (var offset = log.LogStartOffset; offset < log.LogEndOffset;)
            {
                using var chunk = log.Read(offset, buffer.Length, log.LogEndOffset);
                read += chunk.Length;
                offset = chunk.NextOffset;
            }

            if (round == 0) continue;
            engine.Add(read / watch.Elapsed.TotalSeconds / 1e6);
            raw.Add(baseline);
        }

        report.Ratio("bytes read against a bare pread loop", Samples.Median(engine), Samples.Median(raw), "MB/s", 0.7);
    }

    private static Task<LogManager> OpenAsync(string directory) => LogManager.OpenAsync(
        new LogManagerOptions { DataDirectory = directory }, PhysicalFileSystem.Instance, TimeProvider.System,
        NullLogger.Instance, CancellationToken.None);

    private static async Task<PartitionLog> OpenLogAsync(LogManager manager, LogConfig config) =>
        await manager.OpenLogAsync(new TopicPartition("bench", 0), Guid.NewGuid(), config, CancellationToken.None);

    private static byte[] Batch(int bytes)
    {
        using var builder = new RecordBatchBuilder(bytes);
        var value = new byte[100];
        new Random(1).NextBytes(value);
        while (builder.TryAppend(1_700_000_000_000, default, hasKey: false, value, hasValue: true))
        {
        }

        return builder.Build().ToArray();
    }
}
