using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Engine.Cleaning;

/// <summary>A compacted log with its cleaner and the model it is checked against.</summary>
internal sealed class CompactedLog : IDisposable
{
    public const int DeleteRetentionMs = 1000;
    private readonly LogCleanerOptions _options;

    public CompactedLog(LogConfig? config = null, LogCleanerOptions? options = null)
    {
        _options = options ?? new LogCleanerOptions();
        Test = new TestLog(config ?? DefaultConfig);
        Cleaner = NewCleaner();
    }

    public static LogConfig DefaultConfig { get; } = LogConfig.Default with
    {
        CleanupPolicy = CleanupPolicies.Compact,
        SegmentBytes = 2000,
        SegmentMs = long.MaxValue,
        IndexIntervalBytes = 200,
        DeleteRetentionMs = DeleteRetentionMs,
    };

    public TestLog Test { get; }

    public PartitionLog Log => Test.Log;

    public CompactionModel Model { get; } = new();

    public LogCleaner Cleaner { get; private set; }

    /// <summary>Appends records, waits for them and tells the model.</summary>
    public long Append(
        IReadOnlyList<(string? Key, string? Value)> records, CompressionType codec = CompressionType.None, long producerId = -1, int sequence = 0)
    {
        var offset = Test.Append(TestLog.Batch(records, Test.Clock.NowMs, codec, producerId, sequence: sequence));
        Model.Acknowledge(offset, records);
        return offset;
    }

    public long Append(string key, string? value) => Append([(key, value)]);

    /// <summary>Appends <paramref name="count"/> batches of random records, some of them tombstones.</summary>
    public void AppendRandom(Random random, int count, int keys)
    {
        var appended = new List<(long Offset, List<(string? Key, string? Value)> Records)>();
        for (var i = 0; i < count; i++)
        {
            var records = RandomRecords(random, keys, Log.LogEndOffset);
            var batch = TestLog.Batch(records, Test.Clock.NowMs, (CompressionType)random.Next(5));
            appended.Add((Log.AppendAsLeader(batch, 0).BaseOffsets[0], records));
            Test.Clock.Advance(random.Next(20));
        }

        Test.Flush();
        foreach (var (offset, records) in appended) Model.Acknowledge(offset, records);
    }

    public static List<(string? Key, string? Value)> RandomRecords(Random random, int keys, long tag) =>
        [.. Enumerable.Range(0, random.Next(1, 8)).Select(i => (
            (string?)$"key-{random.Next(keys)}",
            random.Next(6) == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{tag}.{i} {new string('x', random.Next(40))}")))];

    /// <summary>Closes the active segment, so that all there is may be compacted, and compacts it.</summary>
    public CompactionReport? RollAndClean()
    {
        Log.Roll();
        Test.Flush();
        return Cleaner.Clean(Log);
    }

    public void CrashAndReopen(CrashKind kind, int? seed = null)
    {
        Test.CrashAndReopen(kind, seed);
        Cleaner = NewCleaner();
    }

    public void CheckState() => Model.CheckState(TestLog.Records(Log));

    public IEnumerable<string> FilesWith(string part) =>
        Test.Files.ListFiles(TestLog.LogDirectory).Where(file => file.Contains(part, StringComparison.Ordinal));

    public void Dispose() => Test.Dispose();

    private LogCleaner NewCleaner() => new(Test.Files, TestLog.DataDirectory, Test.Clock, NullLogger.Instance, _options);
}
