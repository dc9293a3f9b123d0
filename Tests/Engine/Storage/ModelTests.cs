using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>
/// Random histories of a log against a list in memory. The seed is the test's argument: a failure is repeated by it.
/// </summary>
public sealed class ModelTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public async Task A_log_is_what_the_model_says_whatever_happens(int seed)
    {
        var random = new Random(seed);
        var config = LogConfig.Default with
        {
            SegmentBytes = random.Next(1500, 5000),
            IndexIntervalBytes = random.Next(0, 500),
            SegmentMs = long.MaxValue,
            FlushMessages = random.Next(2) == 0 ? 1 : long.MaxValue,
        };
        await using var harness = await LogHarness.StartAsync(config, seed, zeroAheadBytes: random.Next(2) * random.Next(1, 10_000));
        var model = new Model();
        for (var step = 0; step < 150; step++)
        {
            await StepAsync(harness, model, random);
            Check(harness, model, random);
        }
    }

    private static async Task StepAsync(LogHarness harness, Model model, Random random)
    {
        switch (random.Next(100))
        {
            case < 50:
                Append(harness, model, random);
                break;
            case < 68:
                await harness.Log.WhenFlushedAsync(harness.Log.LogEndOffset).AsTask().WaitAsync(TimeSpan.FromSeconds(30));
                model.Acknowledged = model.End;
                break;
            case < 73:
                await CrashAsync(harness, model, random);
                break;
            case < 78:
                await harness.RestartAsync();
                Assert.False(harness.Log.Recovery.HasFindings, harness.Log.Recovery.ToString());
                model.Acknowledged = model.End;
                break;
            case < 83:
                var to = model.Start + random.NextInt64(model.End - model.Start + 1);
                harness.Log.TruncateTo(to);
                model.CutTo(harness.Log.LogEndOffset);
                Assert.True(harness.Log.LogEndOffset <= to && harness.Log.LogEndOffset > to - 10);
                break;
            case < 88:
                var before = model.Start + random.NextInt64(Math.Max(1, model.Acknowledged - model.Start));
                if (before <= model.Acknowledged) model.Start = harness.Log.DeleteRecordsBefore(before);
                break;
            case < 92:
                harness.Log.Roll();
                break;
            case < 96:
                harness.Log.DeleteOldSegments(model.Acknowledged, (_, next) => next is not null && random.Next(2) == 0);
                model.Start = harness.Log.LogStartOffset;
                break;
            default:
                await harness.ReopenLogAsync();
                model.Acknowledged = model.End;
                break;
        }
    }

    private static void Append(LogHarness harness, Model model, Random random)
    {
        var count = random.Next(1, 10);
        var value = $"{model.End}:{random.Next()}:{new string('.', random.Next(100))}";
        // Some producers send twice what they sent last.
        var isProducer = random.Next(3) == 0;
        var batch = LogHarness.Batch(count, value, producerId: isProducer ? 5 : -1, sequence: isProducer ? model.NextSequence(harness.Log) : 0);
        var result = harness.Log.AppendAsLeader(batch.ToArray(), 0);
        Assert.Equal([model.End], result.BaseOffsets);
        for (var i = 0; i < count; i++) model.Values.Add($"{value}{i}");
        if (!isProducer || random.Next(2) == 0) return;
        var again = harness.Log.AppendAsLeader(batch, 0);
        Assert.Equal(result.BaseOffsets, again.BaseOffsets);
        Assert.False(again.AnyAppended);
    }

    private static async Task CrashAsync(LogHarness harness, Model model, Random random)
    {
        var kind = (CrashKind)random.Next(3);
        await harness.CrashAsync(kind, random.Next());
        Assert.Empty(harness.Log.CorruptRegions);
        Assert.InRange(harness.Log.LogEndOffset, model.Acknowledged, model.End);
        if (kind == CrashKind.KeepAll) Assert.Equal(model.End, harness.Log.LogEndOffset);
        model.CutTo(harness.Log.LogEndOffset);
        // Retention need not be remembered; deletion of records must.
        Assert.True(harness.Log.LogStartOffset <= model.Start || harness.Log.LogStartOffset == model.Start);
        model.Start = harness.Log.LogStartOffset;
        model.Acknowledged = model.End;
    }

    private static void Check(LogHarness harness, Model model, Random random)
    {
        Assert.Equal(model.End, harness.Log.LogEndOffset);
        Assert.Equal(model.Start, harness.Log.LogStartOffset);
        var from = model.Start + random.NextInt64(model.End - model.Start + 1);
        var records = harness.ReadAll(from, random.Next(1, 4000));
        Assert.Equal(model.End - from, records.Count);
        foreach (var (offset, value) in records) Assert.Equal(model.Values[(int)offset], value);
    }

    private sealed class Model
    {
        public List<string> Values { get; } = [];

        public long Start { get; set; }

        public long Acknowledged { get; set; }

        public long End => Values.Count;

        public void CutTo(long end)
        {
            Values.RemoveRange((int)end, Values.Count - (int)end);
            Acknowledged = Math.Min(Acknowledged, end);
            Start = Math.Min(Start, end);
        }

        public int NextSequence(PartitionLog log) => log.FindProducer(5) is { } known ? known.LastSequence + 1 : 0;
    }
}
