using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class RecordBatchRewriterTests
{
    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void Kept_records_keep_offset_time_and_content(CompressionType compression)
    {
        var batch = Source(compression);
        foreach (var horizon in new long?[] { null, Time + 1_000_000 })
        {
            using var rewriter = new RecordBatchRewriter();
            var rewritten = rewriter.Rewrite(batch, 3, static (n, in _, in r) => r.Offset % n == 1, out var kept, horizon);
            var before = RecordBatch.Validate(batch);
            var after = RecordBatch.Validate(rewritten.Span);
            Assert.Equal((333, 333), (kept, after.RecordCount));
            Assert.Equal(
                before with
                {
                    BatchLength = after.BatchLength, Crc = after.Crc, RecordCount = 333,
                    BaseTimestamp = horizon ?? before.BaseTimestamp,
                    Attributes = (short)((ushort)before.Attributes | (horizon is null ? 0 : 0x40)),
                },
                after);
            Assert.Equal(Describe(batch).Where((_, i) => (5_000 + i) % 3 == 1), Describe(rewritten));
            RecordBatch.ValidateRecords(rewritten, requireKeys: false, allowOffsetGaps: true);
            Assert.Throws<OrleansLogException>(() => RecordBatch.ValidateRecords(rewritten, requireKeys: false));
        }
    }

    [Fact]
    public void A_delete_horizon_that_is_there_stays()
    {
        using var rewriter = new RecordBatchRewriter();
        var first = rewriter.Rewrite(Source(), 0, Keep, out _, Time + 50).ToArray();
        Assert.Equal(Time + 50, RecordBatch.Validate(first).BaseTimestamp);
        var second = rewriter.Rewrite(first, 0, Keep, out var kept, Time + 99);
        Assert.Equal(first, second.ToArray());
        Assert.Equal(1_000, kept);
        Assert.Equal(Describe(Source()), Describe(second));
    }

    [Fact]
    public void A_batch_that_loses_nothing_is_the_batch_given()
    {
        using var rewriter = new RecordBatchRewriter();
        ReadOnlyMemory<byte> batch = Source(CompressionType.Zstd);
        Assert.True(rewriter.Rewrite(batch, 0, Keep, out _).Equals(batch));
    }

    [Fact]
    public void A_batch_that_loses_all_is_a_header_that_still_states_offsets_and_producer()
    {
        using var rewriter = new RecordBatchRewriter();
        var batch = Source(CompressionType.Lz4);
        var empty = rewriter.Rewrite(batch, 0, static (_, in _, in _) => false, out var kept);
        Assert.Equal((0, RecordBatchHeader.Size), (kept, empty.Length));
        var header = RecordBatch.Validate(empty.Span);
        Assert.Equal((5_000L, 6_000L, 0), (header.BaseOffset, header.NextOffset, header.RecordCount));
        Assert.Equal((5L, (short)3), (header.ProducerId, header.ProducerEpoch));
        Assert.Equal((17, 1_016), (header.BaseSequence, header.LastSequence));
        Assert.Empty(Describe(empty));
    }

    [Fact]
    public void The_greatest_timestamp_is_that_of_the_records_left()
    {
        using var builder = new RecordBatchBuilder(1_000);
        for (var i = 0; i < 3; i++) builder.TryAppend(Time + (i * 10), default, false, default, false);
        using var rewriter = new RecordBatchRewriter();
        var created = rewriter.Rewrite(builder.Build(), 0, static (_, in _, in r) => r.Offset < 2, out _);
        Assert.Equal(Time + 10, RecordBatch.Validate(created.Span).MaxTimestamp);
        var appended = builder.Build().ToArray();
        RecordBatch.SetLogAppendTime(appended, Time + 777);
        var rewritten = rewriter.Rewrite(appended, 0, static (_, in _, in r) => r.Offset < 2, out _);
        Assert.Equal(Time + 777, RecordBatch.Validate(rewritten.Span).MaxTimestamp);
    }

    private static bool Keep(int state, in RecordBatchHeader batch, in OrleansLog.Records.Record record) => true;

    private static byte[] Source(CompressionType compression = CompressionType.None)
    {
        var batch = Mixed(1_000, compression, producerId: 5);
        RecordBatch.SetBaseOffset(batch, 5_000);
        RecordBatch.SetLeaderEpoch(batch, 4);
        return batch;
    }

    private static List<string> Describe(ReadOnlyMemory<byte> batch)
    {
        var records = new List<string>();
        using var reader = new RecordBatchReader(batch);
        while (reader.MoveNext())
        {
            var r = reader.Current;
            var headers = string.Join(',', r.Headers.Select(h => $"{h.Key}={h.HasValue}{Text(h.Value)}"));
            records.Add($"{r.Offset} {r.TimestampMs} {r.HasKey} {Text(r.Key)} {r.HasValue} {Text(r.Value)} {headers}");
        }

        return records;
    }
}
