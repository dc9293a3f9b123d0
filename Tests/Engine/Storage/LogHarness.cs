using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>One partition's log on a disk that can crash, fail and forget, with a clock that stands still.</summary>
internal sealed class LogHarness : IAsyncDisposable
{
    public const string DataDirectory = "/data";
    public static readonly TopicPartition Partition = new("orders", 3);
    public static readonly Guid TopicId = new("11223344-5566-7788-99aa-bbccddeeff00");

    private LogHarness(FaultyFileSystem disk)
    {
        Disk = disk;
        Files = new GatedFileSystem(disk);
    }

    public FaultyFileSystem Disk { get; }

    public GatedFileSystem Files { get; }

    public FakeClock Clock { get; } = new();

    public LogManager Manager { get; private set; } = null!;

    public PartitionLog Log { get; private set; } = null!;

    public LogConfig Config { get; set; } = LogConfig.Default with { SegmentMs = long.MaxValue };

    public int ZeroAheadBytes { get; set; }

    public string LogDirectory => Path.Combine(DataDirectory, Partition.ToString());

    public string ActivePath => Log.Segments[^1].LogPath;

    public static async Task<LogHarness> StartAsync(LogConfig? config = null, int seed = 0, int zeroAheadBytes = 0)
    {
        var harness = new LogHarness(new FaultyFileSystem(seed)) { ZeroAheadBytes = zeroAheadBytes };
        if (config is not null) harness.Config = config;
        await harness.OpenAsync();
        await harness.Manager.CheckpointAsync();
        return harness;
    }

    public async Task OpenAsync()
    {
        var options = new LogManagerOptions { DataDirectory = DataDirectory, FlushThreads = 1, ConcurrentOpens = 1, MaxOpenSegmentFiles = 3, ZeroAheadBytes = ZeroAheadBytes };
        Manager = await LogManager.OpenAsync(options, Files, Clock, NullLogger.Instance);
        Log = await Manager.OpenLogAsync(Partition, TopicId, Config);
    }

    /// <summary>An orderly stop, and a start.</summary>
    public async Task RestartAsync(Action? between = null)
    {
        await Manager.DisposeAsync();
        between?.Invoke();
        await OpenAsync();
    }

    /// <summary>A crash, and a start.</summary>
    public async Task CrashAsync(CrashKind kind, int? seed = null, Action? between = null)
    {
        // The process that died leaves a flush thread behind, which has nothing to do any more.
        Disk.Crash(kind, seed);
        between?.Invoke();
        await OpenAsync();
    }

    /// <summary>Closes the log alone and opens it again.</summary>
    public async Task ReopenLogAsync()
    {
        await Manager.CloseLogAsync(Partition);
        Log = await Manager.OpenLogAsync(Partition, TopicId, Config);
    }

    /// <summary>A batch of records whose values say what they are.</summary>
    public static byte[] Batch(
        int count = 1, string value = "v", long timestampMs = -1, long producerId = -1, short epoch = 0, int sequence = 0, string? key = null)
    {
        using var builder = new RecordBatchBuilder(1 << 24);
        for (var i = 0; i < count; i++)
        {
            builder.TryAppend(
                timestampMs < 0 ? 1_000_000 : timestampMs + i, Encoding.UTF8.GetBytes(key ?? ""), key is not null,
                Encoding.UTF8.GetBytes($"{value}{i}"), true);
        }

        if (producerId >= 0) builder.SetProducer(producerId, epoch, sequence);
        return builder.Build().ToArray();
    }

    public LogAppendResult Append(int count = 1, string value = "v", long timestampMs = -1, int leaderEpoch = 0) =>
        Log.AppendAsLeader(Batch(count, value, timestampMs), leaderEpoch);

    public async Task<LogAppendResult> AppendDurablyAsync(int count = 1, string value = "v")
    {
        var result = Append(count, value);
        await Log.WhenFlushedAsync(result.NextOffset).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
        return result;
    }

    /// <summary>All records from the offset on, by the values; checks that offsets only rise.</summary>
    public SortedDictionary<long, string> ReadAll(long from = -1, int maxBytes = 64 * 1024)
    {
        var found = new SortedDictionary<long, string>();
        var offset = from < 0 ? Log.LogStartOffset : from;
        while (offset < Log.LogEndOffset)
        {
            using var read = Log.Read(offset, maxBytes);
            if (read.Length == 0) break;
            foreach (var (at, value) in Decode(read.Memory))
                if (at >= offset) found.Add(at, value);
            offset = read.NextOffset;
        }

        return found;
    }

    public static List<(long Offset, string Value)> Decode(ReadOnlyMemory<byte> batches)
    {
        var found = new List<(long, string)>();
        while (RecordBatch.TryReadNext(ref batches, out var batch, out _))
        {
            using var reader = new RecordBatchReader(batch);
            while (reader.MoveNext()) found.Add((reader.Current.Offset, Encoding.UTF8.GetString(reader.Current.Value.Span)));
        }

        return found;
    }

    /// <summary>Waits for a flush that nobody asked for.</summary>
    public void AssertFlushed(long offset) =>
        Xunit.Assert.True(SpinWait.SpinUntil(() => Log.FlushedOffset >= offset, TimeSpan.FromSeconds(30)));

    public void WriteRecoveryPoint(long offset) => WriteCheckpoint("recovery-point-offset-checkpoint", offset);

    public void WriteCheckpoint(string name, long offset) => Disk.WriteAllBytesDurably(
        Path.Combine(DataDirectory, name), Encoding.ASCII.GetBytes($"0\n1\n{Partition.Topic} {Partition.Partition} {offset}\n"));

    /// <summary>Every read of the offsets is refused, and says where reading can go on.</summary>
    public void AssertDamaged(long from, long next)
    {
        for (var offset = from; offset < next; offset++)
        {
            var refused = Refused(() => Log.Read(offset, 1 << 20));
            Xunit.Assert.Equal(ErrorCode.CorruptMessage, refused.Error);
            Xunit.Assert.Contains(".log", refused.Message, StringComparison.Ordinal);
            Xunit.Assert.Contains($"go on at offset {next}", refused.Message, StringComparison.Ordinal);
        }

        Xunit.Assert.Contains(Log.CorruptRegions, region => region.FirstOffset == from && region.NextOffset == next);
    }

    public long FileLength(string path)
    {
        using var file = Disk.OpenFile(path, FileOpenMode.Read);
        return file.Length;
    }

    public void CutFile(string path, long length)
    {
        using var file = Disk.OpenFile(path, FileOpenMode.Open);
        file.SetLength(length);
        file.Flush();
    }

    public void ExtendFile(string path, byte[] bytes)
    {
        using var file = Disk.OpenFile(path, FileOpenMode.Open);
        file.Write(bytes, file.Length);
        file.Flush();
    }

    public static OrleansLogException Refused(Action action) => Xunit.Assert.Throws<OrleansLogException>(action);

    public async ValueTask DisposeAsync() => await Manager.DisposeAsync();
}
