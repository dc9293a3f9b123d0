using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class RecordBatchBuilderTests
{
    [Fact]
    public void A_full_batch_takes_no_more_and_stays_as_it_was()
    {
        using var builder = new RecordBatchBuilder(1_000);
        var taken = 0;
        while (builder.TryAppend(Time, "key"u8, true, new byte[90], true)) taken++;
        var size = builder.EstimatedSizeInBytes;
        Assert.InRange(size, 900, 1_000);
        Assert.False(builder.TryAppend(Time, "key"u8, true, new byte[90], true));
        Assert.Equal((taken, size), (builder.RecordCount, builder.EstimatedSizeInBytes));
        var batch = builder.Build();
        Assert.Equal(size, batch.Length);
        Assert.Equal(taken, RecordBatch.Validate(batch.Span, 1_000, fromProducer: true).RecordCount);
    }

    [Fact]
    public void A_first_record_above_the_batch_size_is_taken_alone()
    {
        using var builder = new RecordBatchBuilder(1_000, maxRecordBytes: 10_000);
        Assert.True(builder.TryAppend(Time, default, false, new byte[5_000], true));
        Assert.False(builder.TryAppend(Time, default, false, default, false));
        RecordBatch.Validate(builder.Build().Span, 10_000, fromProducer: true);
    }

    [Fact]
    public void A_record_above_the_hard_bound_is_refused_with_size_and_bound()
    {
        using var builder = new RecordBatchBuilder(1_000, maxRecordBytes: 10_000);
        var refused = Refused(() => builder.TryAppend(Time, default, false, new byte[10_000], true));
        Assert.Equal(ErrorCode.RecordTooLarge, refused.Error);
        Assert.Contains("more than the 10000 allowed", refused.Message, StringComparison.Ordinal);
        Assert.Contains("10072 bytes", refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, builder.RecordCount);
        Assert.True(builder.TryAppend(Time, default, false, new byte[10], true));
    }

    [Fact]
    public void Keys_and_values_can_be_written_in_place()
    {
        using var builder = new RecordBatchBuilder(1_000);
        Assert.True(builder.TryReserve(Time, 3, 5, out var key, out var value));
        "abc"u8.CopyTo(key);
        "defgh"u8.CopyTo(value);
        Assert.True(builder.TryReserve(Time, -1, -1, out key, out value));
        Assert.True(key.IsEmpty && value.IsEmpty);
        Assert.True(builder.TryReserve(Time, 0, 0, out _, out _));
        using var reader = new RecordBatchReader(builder.Build());
        Assert.True(reader.MoveNext());
        Assert.Equal(("abc", "defgh"), (Text(reader.Current.Key), Text(reader.Current.Value)));
        Assert.True(reader.MoveNext());
        Assert.False(reader.Current.HasKey || reader.Current.HasValue);
        Assert.True(reader.MoveNext());
        Assert.True(reader.Current.HasKey && reader.Current.HasValue);
    }

    [Fact]
    public void A_builder_is_used_again_after_reset()
    {
        using var builder = new RecordBatchBuilder(1 << 20, CompressionType.Lz4);
        foreach (var count in new[] { 500, 3, 2_000 })
        {
            for (var i = 0; i < count; i++) Assert.True(Append(builder, i));
            AssertMixed(builder.Build(), count);
            Assert.Throws<InvalidOperationException>(() => Append(builder, 0));
            builder.Reset();
            Assert.Throws<InvalidOperationException>(() => builder.Build());
        }
    }

    [Fact]
    public void A_built_batch_can_be_given_another_sequence_number_and_forgets_what_a_leader_set()
    {
        using var builder = new RecordBatchBuilder(1 << 20, CompressionType.Zstd);
        for (var i = 0; i < 100; i++) Append(builder, i);
        builder.SetProducer(9, 0, 0);
        var sent = System.Runtime.InteropServices.MemoryMarshal.AsMemory(builder.Build()).Span;
        RecordBatch.SetBaseOffset(sent, 1234);
        RecordBatch.SetLogAppendTime(sent, Time + 99);
        builder.SetProducer(9, 1, 40, transactional: true);
        var header = RecordBatch.Validate(builder.Build().Span, fromProducer: true);
        Assert.Equal((9L, (short)1, true), (header.ProducerId, header.ProducerEpoch, header.IsTransactional));
        Assert.Equal((40, 139), (header.BaseSequence, header.LastSequence));
        Assert.Equal((0L, TimestampType.CreateTime), (header.BaseOffset, header.TimestampType));
        AssertMixed(builder.Build(), 100);
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void What_does_not_compress_is_left_uncompressed(CompressionType compression)
    {
        var value = new byte[50_000];
        new Random(3).NextBytes(value);
        using var builder = new RecordBatchBuilder(1 << 20, compression);
        builder.TryAppend(Time, default, false, value, true);
        var batch = builder.Build();
        Assert.Equal(builder.EstimatedSizeInBytes, batch.Length);
        Assert.Equal(CompressionType.None, RecordBatch.Validate(batch.Span).Compression);
        using var reader = new RecordBatchReader(batch);
        Assert.True(reader.MoveNext());
        Assert.Equal(value, reader.Current.Value.ToArray());
    }

    [Theory]
    [InlineData(CompressionType.Gzip, 1, 9)]
    [InlineData(CompressionType.Lz4, 1, 12)]
    [InlineData(CompressionType.Zstd, -7, 22)]
    public void Every_level_compresses_and_others_are_refused_by_name(CompressionType compression, int least, int most)
    {
        for (var level = least; level <= most; level++) AssertMixed(Mixed(300, compression, level), 300);
        var refused = Refused(() => Mixed(1, compression, most + 1));
        Assert.Equal(ErrorCode.InvalidConfig, refused.Error);
        Assert.Contains($"between {least} and {most}", refused.Message, StringComparison.Ordinal);
        Refused(() => Mixed(1, compression, least - 1 == 0 ? -1 : least - 1));
    }

    [Fact]
    public void Appending_allocates_nothing()
    {
        using var builder = new RecordBatchBuilder(1 << 20);
        void Fill()
        {
            builder.Reset();
            for (var i = 0; i < 5_000; i++) builder.TryAppend(Time + i, "a key"u8, true, "a value longer than the key"u8, true);
            builder.Build();
        }

        Fill();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Fill();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void The_greatest_timestamp_is_kept_wherever_it_stands()
    {
        using var builder = new RecordBatchBuilder(1_000);
        foreach (var time in new[] { Time, Time + 50, Time - 20, -1 }) builder.TryAppend(time, default, false, default, false);
        var header = RecordBatch.Validate(builder.Build().Span);
        Assert.Equal((Time, Time + 50), (header.BaseTimestamp, header.MaxTimestamp));
        using var reader = new RecordBatchReader(builder.Build());
        foreach (var time in new[] { Time, Time + 50, Time - 20, -1 })
        {
            Assert.True(reader.MoveNext());
            Assert.Equal(time, reader.Current.TimestampMs);
        }

        builder.Reset();
        var refused = Refused(() => builder.TryAppend(-2, default, false, default, false));
        Assert.Equal(ErrorCode.InvalidTimestamp, refused.Error);
    }
}
