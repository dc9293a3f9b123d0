using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Benchmarks;

/// <summary>Figures (a), (b) and (c): the engine alone, against bare system calls on the same disk in the same run.</summary>
internal static class EngineBenchmark
{
    private const int Rounds = 5;
    private const int JournalBytes = 32 * 1024 * 1024;

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

    /// <summary>As many logs as appenders: with the commit journal, and each log by itself.</summary>
    public static async Task JointCommitAsync(Report report, string directory)
    {
        foreach (var (logs, bytes) in ((int, int)[])[(6, 16 * 1024), (32, 4096)])
        {
            report.Title($"(h) engine append with group commit, {logs} appenders of {bytes / 1024} KiB batches, {logs} partitions");
            var (raw, alone, joint) = (new List<double>(), new List<double>(), new List<double>());
            var (cpuAlone, cpuJoint) = (new List<double>(), new List<double>());
            for (var round = 0; round <= Rounds; round++)
            {
                var baseline = 1 / Samples.Median(RawDisk.SyncedWriteSeconds(directory, Batch(bytes), 1000));
                var (withoutJournal, cpuWithout) = await AppendToEachAsync(Path.Combine(directory, $"alone-{logs}-{round}"), logs, bytes, journalBytes: 0);
                var (withJournal, cpuWith) = await AppendToEachAsync(Path.Combine(directory, $"joint-{logs}-{round}"), logs, bytes, JournalBytes);
                if (round == 0) continue;
                raw.Add(baseline);
                alone.Add(withoutJournal);
                joint.Add(withJournal);
                cpuAlone.Add(cpuWithout);
                cpuJoint.Add(cpuWith);
            }

            report.Ratio("acknowledged appends, each log by itself, against one writer's pwrite + fdatasync",
                Samples.Median(alone), Samples.Median(raw), "/s", 1);
            report.Ratio("the same with the commit journal, against each log by itself", Samples.Median(joint), Samples.Median(alone), "/s", 1);
            report.Ratio("CPU of an append with it, against each log by itself", Samples.Median(cpuJoint), Samples.Median(cpuAlone), "µs", 1, atMost: true);
        }
    }

    private static async Task<(double PerSecond, double CpuMicroseconds)> AppendToEachAsync(string directory, int count, int bytes, int journalBytes)
    {
        const int warmUps = 100, appends = 1000;
        await using var manager = await LogManager.OpenAsync(
            new LogManagerOptions { DataDirectory = directory, CommitJournalBytes = journalBytes }, PhysicalFileSystem.Instance, TimeProvider.System,
            NullLogger.Instance, CancellationToken.None);
        var logs = new PartitionLog[count];
        for (var i = 0; i < count; i++)
            logs[i] = await manager.OpenLogAsync(new TopicPartition("bench", i), Guid.NewGuid(), LogConfig.Default, CancellationToken.None);
        await AppendAsync(warmUps);
        await Task.Delay(300); // the journal's files are being made
        var (watch, cpu) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
        await AppendAsync(appends);
        return (count * appends / watch.Elapsed.TotalSeconds, (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / (count * appends));

        Task AppendAsync(int times) => Task.WhenAll(logs.Select(log => Task.Run(async () =>
        {
            var batch = Batch(bytes);
            for (var i = 0; i < times; i++)
            {
                var result = log.AppendAsLeader(batch, leaderEpoch: 0);
                await log.WhenFlushedAsync(result.NextOffset);
            }
        })));
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
