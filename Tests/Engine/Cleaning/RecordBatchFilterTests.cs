using System.Text;
using OrleansLog.Records;
using Xunit;
using Record = OrleansLog.Records.Record;

namespace OrleansLog.Tests.Engine.Cleaning;

public sealed class RecordBatchFilterTests
{
    private static readonly CompressionType[] s_codecs = Enum.GetValues<CompressionType>();

    [Fact]
    public void What_stays_keeps_its_offset_time_key_value_and_headers()
    {
        foreach (var codec in s_codecs)
        {
            var batch = Build(codec, count: 50);
            using var filter = new RecordBatchFilter();
            var result = filter.Filter(batch, (in Record r) => r.Offset % 3 == 1, null, keepEmpty: false);
            Assert.Equal(17, result.KeptRecords);
            Assert.Equal(33, result.RemovedRecords);

            var header = RecordBatch.Validate(result.Batch.Span);
            Assert.Equal(100, header.BaseOffset);
            Assert.Equal(149, header.LastOffset);
            Assert.Equal(17, header.RecordCount);
            Assert.Equal(codec, header.Compression);
            Assert.Equal((77L, (short)3, 500, 9), (header.ProducerId, header.ProducerEpoch, header.BaseSequence, header.PartitionLeaderEpoch));
            Assert.Equal(Records(batch).Where(r => r.Offset % 3 == 1), Records(result.Batch));
            Assert.Equal(Records(result.Batch).Max(r => r.Time), header.MaxTimestamp);
        }
    }

    [Fact]
    public void A_batch_of_which_nothing_goes_is_answered_as_it_is()
    {
        var batch = Build(CompressionType.Zstd, 10);
        using var filter = new RecordBatchFilter();
        Assert.Equal(batch, filter.Filter(batch, (in Record _) => true, null, keepEmpty: false).Batch);
        // No tombstone, no horizon.
        Assert.Equal(batch, filter.Filter(batch, (in Record _) => true, 5000, keepEmpty: false).Batch);
    }

    [Fact]
    public void A_batch_of_which_nothing_stays_is_empty_or_a_header_alone()
    {
        var batch = Build(CompressionType.Gzip, 10);
        using var filter = new RecordBatchFilter();
        Assert.True(filter.Filter(batch, (in Record _) => false, null, keepEmpty: false).Batch.IsEmpty);

        var empty = filter.Filter(batch, (in Record _) => false, null, keepEmpty: true).Batch.ToArray();
        var header = RecordBatch.Validate(empty);
        Assert.Equal(RecordBatchHeader.Size, empty.Length);
        Assert.Equal(0, header.RecordCount);
        Assert.Equal((100L, 109L, 77L, 500, 509), (header.BaseOffset, header.LastOffset, header.ProducerId, header.BaseSequence, header.LastSequence));
        Assert.Empty(Records(empty));
        // Once empty it stays as it is.
        Assert.Equal(empty, filter.Filter(empty, (in Record _) => true, 1, keepEmpty: true).Batch.ToArray());
    }

    [Fact]
    public void A_kept_tombstone_gives_its_batch_a_delete_horizon_once()
    {
        foreach (var codec in s_codecs)
        {
            var batch = Build(codec, 10, tombstoneAt: 4);
            using var filter = new RecordBatchFilter();
            var first = filter.Filter(batch, (in Record _) => true, 123_456_789, keepEmpty: false).Batch.ToArray();
            var header = RecordBatch.Validate(first);
            Assert.True(header.HasDeleteHorizon);
            Assert.Equal(123_456_789, header.BaseTimestamp);
            Assert.Equal(Records(batch), Records(first));

            var second = filter.Filter(first, (in Record r) => r.Offset != 102, 999_999_999, keepEmpty: false).Batch;
            Assert.Equal(123_456_789, RecordBatch.Validate(second.Span).BaseTimestamp);
            Assert.Equal(Records(batch).Where(r => r.Offset != 102), Records(second));
        }
    }

    [Fact]
    public void A_batch_of_log_append_time_keeps_that_time()
    {
        var batch = Build(CompressionType.None, 5).ToArray();
        RecordBatch.SetLogAppendTime(batch, 42_000);
        using var filter = new RecordBatchFilter();
        var result = filter.Filter(batch, (in Record r) => r.Offset > 102, null, keepEmpty: false).Batch;
        Assert.Equal(42_000, RecordBatch.Validate(result.Span).MaxTimestamp);
        Assert.All(Records(result), record => Assert.Equal(42_000, record.Time));
    }

    private static ReadOnlyMemory<byte> Build(CompressionType codec, int count, int tombstoneAt = -1)
    {
        using var builder = new RecordBatchBuilder(1 << 20, codec);
        for (var i = 0; i < count; i++)
        {
            var key = Encoding.UTF8.GetBytes($"key-{i}");
            var value = Encoding.UTF8.GetBytes(new string((char)('a' + (i % 26)), i * 3));
            builder.TryAppend(
                1_000_000 + (i * 17 % 50), key, true, i == tombstoneAt ? default : value, i != tombstoneAt,
                i % 5 == 0 ? [new RecordHeader("h", "x"u8.ToArray()), new RecordHeader("n", default)] : null);
        }

        builder.SetProducer(77, 3, 500);
        var batch = builder.Build().ToArray();
        RecordBatch.SetBaseOffset(batch, 100);
        RecordBatch.SetLeaderEpoch(batch, 9);
        return batch;
    }

    private static List<(long Offset, long Time, string? Key, string? Value, string Headers)> Records(ReadOnlyMemory<byte> batch)
    {
        var records = new List<(long, long, string?, string?, string)>();
        using var reader = new RecordBatchReader(batch);
        while (reader.MoveNext())
        {
            var r = reader.Current;
            var headers = string.Empty;
            foreach (var header in r.Headers) headers += $"{header.Key}={(header.HasValue ? Encoding.UTF8.GetString(header.Value.Span) : "null")};";
            records.Add((
                r.Offset, r.TimestampMs, r.HasKey ? Encoding.UTF8.GetString(r.Key.Span) : null,
                r.HasValue ? Encoding.UTF8.GetString(r.Value.Span) : null, headers));
        }

        return records;
    }
}
