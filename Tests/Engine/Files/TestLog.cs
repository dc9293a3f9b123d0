using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Tests.Engine.Files;

/// <summary>One partition log on a <see cref="FaultyFileSystem"/> and a fake clock, that can crash and come back.</summary>
internal sealed class TestLog : IDisposable, ILogOwner
{
    public const string DataDirectory = "/data", LogDirectory = DataDirectory + "/topic-0";
    private readonly LogConfig _config;
    private CountedFlushes _flushes;
    private long? _logStartOffset;
    private long? _recoveryPoint;

    public TestLog(LogConfig? config = null, FaultyFileSystem? files = null)
    {
        _config = config ?? LogConfig.Default;
        Files = files ?? new FaultyFileSystem();
        Files.CreateDirectory(LogDirectory);
        Files.FlushDirectory("/");
        Files.FlushDirectory(DataDirectory);
        (Log, _flushes) = Open();
    }

    public static TopicPartition Partition { get; } = new("topic", 0);

    public FaultyFileSystem Files { get; }

    public FakeClock Clock { get; } = new();

    public PartitionLog Log { get; private set; }

    /// <summary>A batch of records; keys and values are text, a null value is a tombstone.</summary>
    public static byte[] Batch(
        IEnumerable<(string? Key, string? Value)> records,
        long timestampMs = 0,
        CompressionType codec = CompressionType.None,
        long producerId = -1,
        short epoch = 0,
        int sequence = 0)
    {
        using var builder = new RecordBatchBuilder(1 << 20, codec);
        foreach (var (key, value) in records)
        {
            builder.TryAppend(
                timestampMs, Encoding.UTF8.GetBytes(key ?? string.Empty), key is not null,
                Encoding.UTF8.GetBytes(value ?? string.Empty), value is not null);
        }

        if (producerId >= 0) builder.SetProducer(producerId, epoch, sequence);
        return builder.Build().ToArray();
    }

    /// <summary>A batch of records named after their sequence numbers.</summary>
    public static byte[] Sequenced(long producerId, int sequence, int count = 1, short epoch = 0) => Batch(
        Enumerable.Range(sequence, count).Select(i => ((string?)"key", (string?)i.ToString(CultureInfo.InvariantCulture))),
        producerId: producerId, epoch: epoch, sequence: sequence);

    /// <summary>All records from an offset on.</summary>
    public static List<(long Offset, string? Key, string? Value)> Records(PartitionLog log, long fromOffset = -1)
    {
        var records = new List<(long, string?, string?)>();
        var offset = fromOffset < 0 ? log.LogStartOffset : fromOffset;
        while (offset < log.LogEndOffset)
        {
            using var read = log.Read(offset, 1 << 20);
            if (read.Length == 0) break;
            records.AddRange(Records(read.Memory).Where(record => record.Offset >= offset));
            offset = read.NextOffset;
        }

        return records;
    }

    public static List<(long Offset, string? Key, string? Value)> Records(ReadOnlyMemory<byte> batches)
    {
        var records = new List<(long, string?, string?)>();
        while (RecordBatch.TryReadNext(ref batches, out var batch, out _))
        {
            using var reader = new RecordBatchReader(batch, new RecordBatchReaderOptions { CheckCrc = true });
            while (reader.MoveNext())
            {
                ref readonly var record = ref reader.Current;
                records.Add((
                    record.Offset, record.HasKey ? Encoding.UTF8.GetString(record.Key.Span) : null,
                    record.HasValue ? Encoding.UTF8.GetString(record.Value.Span) : null));
            }
        }

        return records;
    }

    /// <summary>Appends and waits until it is durable.</summary>
    public long Append(byte[] batches, int leaderEpoch = 0)
    {
        var result = Log.AppendAsLeader(batches, leaderEpoch);
        Wait(Log.WhenFlushedAsync(result.NextOffset));
        return result.BaseOffsets[0];
    }

    /// <summary>Waits until all is durable, and the flush thread rests: a segment that was closed is synced also when no record waits for that.</summary>
    public void Flush()
    {
        Wait(Log.WhenFlushedAsync(Log.LogEndOffset));
        if (!SpinWait.SpinUntil(() => _flushes.IsResting, TimeSpan.FromSeconds(30))) throw new TimeoutException("The flushes took more than 30 s.");
    }

    /// <summary>Crashes the machine and opens the log again.</summary>
    public void CrashAndReopen(CrashKind kind = CrashKind.ForgetAll, int? seed = null)
    {
        Abandon();
        Files.Crash(kind, seed);
        (Log, _flushes) = Open();
    }

    /// <summary>Closes the log, has something done to its files, and opens it again.</summary>
    public void Reopen(Action meanwhile)
    {
        var end = Log.LogEndOffset;
        Abandon();
        meanwhile();
        _recoveryPoint = end;
        (Log, _flushes) = Open();
        _recoveryPoint = null;
    }

    public void WriteCheckpoints(PartitionLog log) => _logStartOffset = log.LogStartOffset;

    public void OnFlushed(PartitionLog log)
    {
    }

    public void Dispose() => Abandon();

    private void Abandon()
    {
        Log.Close(clean: false);
        _flushes.Dispose();
    }

    private (PartitionLog Log, CountedFlushes Flushes) Open()
    {
        var flushes = new CountedFlushes();
        var environment = new LogEnvironment(
            Partition, LogDirectory, Files, Clock, NullLogger.Instance, flushes, this);
        try
        {
            var loader = new LogLoader(environment, _config, new LogLoadHints(Guid.Empty, _recoveryPoint, _logStartOffset, CleanShutdown: _recoveryPoint is not null));
            return (new PartitionLog(environment, loader.Load(new ProducerStateOptions()), _config), flushes);
        }
        catch
        {
            flushes.Dispose();
            throw;
        }
    }

    private static void Wait(ValueTask task)
    {
        if (!task.AsTask().Wait(TimeSpan.FromSeconds(30))) throw new TimeoutException("The flush took more than 30 s.");
    }

    /// <summary>Flush threads of which it is known whether they have anything to do.</summary>
    private sealed class CountedFlushes : IFlushScheduler, IDisposable
    {
        private readonly FlushScheduler _inner = new(1, TimeProvider.System);
        private int _waiting;

        public bool IsResting => Volatile.Read(ref _waiting) == 0;

        public void Enqueue(IFlushable log)
        {
            Interlocked.Increment(ref _waiting);
            _inner.Enqueue(new Round(this, log));
        }

        public void EnqueueAfter(IFlushable log, long delayMs) => _inner.EnqueueAfter(log, delayMs);

        public void Dispose() => _inner.Dispose();

        private sealed class Round(CountedFlushes owner, IFlushable log) : IFlushable
        {
            public void RunFlush()
            {
                log.RunFlush();
                Interlocked.Decrement(ref owner._waiting);
            }
        }
    }
}
