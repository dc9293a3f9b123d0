using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class RecordBatchFilterTests
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
            using var filter = new RecordBatchFilter();
            // The horizon is for records without a value, of which some are left.
            var (rewritten, kept, removed) = filter.Filter(batch, static (in r) => r.Offset % 3 == 1, horizon, keepEmpty: true);
            var before = RecordBatch.Validate(batch);
            var after = RecordBatch.Validate(rewritten.Span);
            Assert.Equal((333, 667, 333), (kept, removed, after.RecordCount));
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
        using var filter = new RecordBatchFilter();
        var first = filter.Filter(Source(), Keep, Time + 50, keepEmpty: true).Batch.ToArray();
        Assert.Equal(Time + 50, RecordBatch.Validate(first).BaseTimestamp);
        var second = filter.Filter(first, Keep, Time + 99, keepEmpty: true);
        Assert.Equal(first, second.Batch.ToArray());
        Assert.Equal((1_000, 0), (second.KeptRecords, second.RemovedRecords));
        Assert.Equal(Describe(Source()), Describe(second.Batch));
    }

    [Fact]
    public void A_batch_that_loses_nothing_is_the_batch_given()
    {
        using var filter = new RecordBatchFilter();
        ReadOnlyMemory<byte> batch = Source(CompressionType.Zstd);
        Assert.True(filter.Filter(batch, Keep, null, keepEmpty: true).Batch.Equals(batch));
    }

    [Fact]
    public void A_batch_that_loses_all_is_a_header_that_still_states_offsets_and_producer()
    {
        using var filter = new RecordBatchFilter();
        var batch = Source(CompressionType.Lz4);
        Assert.Equal(0, filter.Filter(batch, static (in _) => false, null, keepEmpty: false).Batch.Length);
        var (empty, kept, removed) = filter.Filter(batch, static (in _) => false, null, keepEmpty: true);
        Assert.Equal((0, 1_000, RecordBatchHeader.Size), (kept, removed, empty.Length));
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
        using var filter = new RecordBatchFilter();
        var created = filter.Filter(builder.Build(), static (in r) => r.Offset < 2, null, keepEmpty: true).Batch;
        Assert.Equal(Time + 10, RecordBatch.Validate(created.Span).MaxTimestamp);
        var appended = builder.Build().ToArray();
        RecordBatch.SetLogAppendTime(appended, Time + 777);
        var rewritten = filter.Filter(appended, static (in r) => r.Offset < 2, null, keepEmpty: true).Batch;
        Assert.Equal(Time + 777, RecordBatch.Validate(rewritten.Span).MaxTimestamp);
    }

    private static bool Keep(in OrleansLog.Records.Record record) => true;

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
