using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Several logs on one disk that can crash, whose flushes are made to happen together.</summary>
internal sealed class JournalHarness(FaultyFileSystem disk, int journalBytes, int count = 4) : IAsyncDisposable
{
    public const string DataDirectory = "/data";
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);
    private readonly PartitionLog[] _logs = new PartitionLog[count];
    private readonly ManualResetEventSlim _free = new(true);
    private readonly SemaphoreSlim _held = new(0);
    private int _mustHold;

    public FaultyFileSystem Disk => disk;

    public LogManager Manager { get; private set; } = null!;

    public LogConfig Config { get; set; } = LogConfig.Default with { SegmentMs = long.MaxValue };

    /// <summary>Fsyncs of the journal.</summary>
    public int JournalFlushes { get; private set; }

    /// <summary>How long each fsync of the journal takes.</summary>
    public TimeSpan JournalTakes { get; set; }

    public int Count => count;

    public static string[] JournalPaths => JournalReplay.PathsIn(DataDirectory);

    public PartitionLog this[int log] => _logs[log];

    public static TopicPartition PartitionOf(int log) => new("orders", log);

    public static Guid TopicId { get; } = new("11223344-5566-7788-99aa-bbccddeeff00");

    /// <summary>Logs on a disk of their own, and a journal that is in use.</summary>
    public static async Task<JournalHarness> StartAsync(int seed, int journalBytes)
    {
        var logs = new JournalHarness(new FaultyFileSystem(seed), journalBytes);
        await logs.OpenAsync();
        await logs.PrepareAsync();
        return logs;
    }

    public async Task OpenAsync()
    {
        Volatile.Write(ref _mustHold, 0);
        _free.Set();
        disk.BeforeFlush = path =>
        {
            if (path.Contains("commit-journal", StringComparison.Ordinal))
            {
                JournalFlushes++;
                if (JournalTakes > TimeSpan.Zero) Thread.Sleep(JournalTakes);
            }
            else if (path.Contains($"orders-{count - 1}/", StringComparison.Ordinal)
                && path.EndsWith(LogFileNames.Log, StringComparison.Ordinal) && Interlocked.Exchange(ref _mustHold, 0) == 1)
            {
                _held.Release();
                _free.Wait(Limit);
            }
        };
        var options = new LogManagerOptions
        {
            DataDirectory = DataDirectory, FlushThreads = 1, ConcurrentOpens = 1, ZeroAheadBytes = 0, CommitJournalBytes = journalBytes,
        };
        Manager = await LogManager.OpenAsync(options, disk, TimeProvider.System, NullLogger.Instance);
        for (var log = 0; log < count; log++) await OpenLogAsync(log);
    }

    public async Task OpenLogAsync(int log) => _logs[log] = await Manager.OpenLogAsync(PartitionOf(log), TopicId, Config);

    public async Task ReopenLogAsync(int log)
    {
        await Manager.CloseLogAsync(PartitionOf(log));
        await OpenLogAsync(log);
    }

    /// <summary>A crash, and a start.</summary>
    public async Task CrashAsync(CrashKind kind, int? seed = null, Action? between = null)
    {
        disk.Crash(kind, seed);
        between?.Invoke();
        await OpenAsync();
    }

    /// <summary>Has the journal's files made.</summary>
    public async Task PrepareAsync()
    {
        for (var began = Environment.TickCount64; JournalFlushes == 0 || !JournalPaths.All(disk.FileExists);)
        {
            Assert.True(Environment.TickCount64 - began < Limit.TotalMilliseconds, "The journal's files have not been made.");
            await CommitTogetherAsync(Enumerable.Range(0, count - 1).Select(static log => (log, "p")).ToArray());
        }

        // The files are there before they are full of zeros.
        for (var began = Environment.TickCount64; JournalFlushes < 3;)
        {
            Assert.True(Environment.TickCount64 - began < Limit.TotalMilliseconds, "The journal is not used.");
            await CommitTogetherAsync(Enumerable.Range(0, count - 1).Select(static log => (log, "p")).ToArray());
        }
    }

    /// <summary>
    /// Appends a record to each log and waits until all are durable: while the last log is being flushed, so that the others wait for one
    /// round together.
    /// </summary>
    public async Task CommitTogetherAsync(params (int Log, string Value)[] appends)
    {
        _free.Reset();
        Volatile.Write(ref _mustHold, 1);
        var last = AppendAsync(count - 1, "x");
        while (!await _held.WaitAsync(TimeSpan.FromMilliseconds(20)))
        {
            // Only in a failure does it end before it is held up.
            if (!last.IsCompleted) continue;
            _free.Set();
            await last;
            throw new InvalidOperationException("The last log was not flushed by itself.");
        }

        var waits = new List<Task> { last };
        try
        {
            foreach (var (log, value) in appends) waits.Add(AppendAsync(log, value));
        }
        finally
        {
            _free.Set();
        }

        await Task.WhenAll(waits).WaitAsync(Limit);
    }

    public Task AppendAsync(int log, string value)
    {
        var result = _logs[log].AppendAsLeader(LogHarness.Batch(1, value), leaderEpoch: 0);
        return _logs[log].WhenFlushedAsync(result.NextOffset).AsTask();
    }

    /// <summary>The records of a log by their offsets.</summary>
    public SortedDictionary<long, string> Read(int log)
    {
        var found = new SortedDictionary<long, string>();
        for (var offset = _logs[log].LogStartOffset; offset < _logs[log].LogEndOffset;)
        {
            using var read = _logs[log].Read(offset, 64 * 1024);
            if (read.Length == 0) break;
            foreach (var (at, value) in LogHarness.Decode(read.Memory)) found[at] = value;
            offset = read.NextOffset;
        }

        return found;
    }

    public async ValueTask DisposeAsync()
    {
        disk.BeforeFlush = null;
        _free.Set();
        try
        {
            await Manager.DisposeAsync();
        }
        catch (Exception e) when (disk.HasCrashed && e is IOException or OrleansLogException)
        {
            // The machine is off.
        }

        _free.Dispose();
        _held.Dispose();
    }
}
