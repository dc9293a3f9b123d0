using System.Buffers.Binary;
using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class RecordBatchReaderTests
{
    // length 6, attributes, timestamp delta 0, offset delta 0, no key, no value, no headers
    private const string Smallest = "0C000000010100";

    [Fact]
    public void The_smallest_record_is_read()
    {
        using var reader = new RecordBatchReader(Batch(Smallest, 1));
        Assert.True(reader.MoveNext());
        var record = reader.Current;
        Assert.Equal((100L, Time, RecordBatch.MinRecordSize), (record.Offset, record.TimestampMs, record.SizeInBytes));
        Assert.False(record.HasKey || record.HasValue);
        Assert.Empty(record.Headers);
        Assert.False(reader.MoveNext());
    }

    [Theory]
    [InlineData("a byte after the last record", Smallest + "00", 1, "1 bytes follow")]
    [InlineData("the same offset twice", Smallest + Smallest, 2, "offset delta 0 after 0")]
    [InlineData("an offset past the batch's last", "0C000006010100", 1, "offset delta 3")]
    [InlineData("a negative offset", "0C000001010100", 1, "offset delta -1")]
    [InlineData("a length past the end", "0E000000010100", 1, "malformed")]
    [InlineData("a negative length", "0B000000010100", 1, "malformed")]
    [InlineData("no length at all", "80808080808080", 1, "malformed")]
    [InlineData("no room for the attributes", "00000000000000", 1, "malformed")]
    [InlineData("a length that cuts the record", "0A000000010100", 1, "malformed")]
    [InlineData("a timestamp that does not end", "18008080808080808080808080", 1, "malformed")]
    [InlineData("a key length below -1", "0C000000030100", 1, "malformed")]
    [InlineData("a key past the end", "0C000000080100", 1, "malformed")]
    [InlineData("a value length below -1", "0C000000010300", 1, "malformed")]
    [InlineData("a value past the end", "0C000000010400", 1, "malformed")]
    [InlineData("a value near the greatest length", "140000000001FEFFFFFF0F", 1, "malformed")]
    [InlineData("a byte after no headers", "0E00000001010000", 1, "malformed")]
    [InlineData("a negative header count", "0C000000010101", 1, "malformed")]
    [InlineData("more headers than bytes", "10000000010104000000", 1, "malformed")]
    [InlineData("a header without a key", "10000000010102010000", 1, "malformed")]
    [InlineData("a header key past the end", "10000000010102040000", 1, "malformed")]
    [InlineData("a header value past the end", "10000000010102000200", 1, "malformed")]
    [InlineData("a byte after the headers", "12000000010102000000", 1, "malformed")]
    public void A_malformed_record_is_refused(string what, string body, int count, string message)
    {
        Assert.NotEmpty(what);
        var batch = Batch(body, count);
        RecordBatch.Validate(batch);
        using var reader = new RecordBatchReader(batch);
        var refused = Refused(() =>
        {
            while (reader.MoveNext()) { }
        });
        Assert.Equal(ErrorCode.CorruptMessage, refused.Error);
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Decompressed_records_outlive_the_reader_unless_pooled_memory_was_asked_for()
    {
        var first = Mixed(200, CompressionType.Lz4);
        var reader = new RecordBatchReader(first);
        Assert.True(reader.MoveNext() && reader.MoveNext());
        var value = reader.Current.Value;
        reader.Reset(Mixed(500, CompressionType.Lz4));
        while (reader.MoveNext()) { }
        reader.Dispose();
        Array.Clear(first);
        Assert.Equal("value 1 of a line that compresses rather well", Text(value));
    }

    [Fact]
    public void Uncompressed_records_are_slices_of_the_batch_given()
    {
        var batch = Mixed(5);
        using var reader = new RecordBatchReader(batch);
        Assert.True(reader.MoveNext() && reader.MoveNext());
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(reader.Current.Value, out var slice));
        Assert.Same(batch, slice.Array);
    }

    [Fact]
    public void Reading_with_pooled_memory_allocates_little()
    {
        var batch = Mixed(5_000, CompressionType.Zstd);
        using var reader = new RecordBatchReader(new RecordBatchReaderOptions { UsePooledMemory = true });
        void Read()
        {
            reader.Reset(batch);
            while (reader.MoveNext()) { }
        }

        Read();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Read();
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4_096);
    }

    [Fact]
    public void The_CRC_is_checked_when_asked_for()
    {
        var batch = Mixed(5);
        batch[^1] ^= 1;
        _ = new RecordBatchReader(batch);
        var refused = Refused(() => new RecordBatchReader(batch, new RecordBatchReaderOptions { CheckCrc = true }));
        Assert.Contains("CRC", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_after_the_batch_are_left_alone_and_a_cut_off_batch_is_refused()
    {
        var batch = Mixed(5);
        AssertMixed((byte[])[.. batch, 1, 2, 3], 5);
        for (var cut = 0; cut < batch.Length; cut++) Refused(() => new RecordBatchReader(batch.AsMemory(0, cut)));
    }

    [Fact]
    public void Memory_that_is_no_array_is_read_too()
    {
        using var memory = new NativeMemory(Mixed(50));
        AssertMixed(memory.Memory, 50);
    }

    [Fact]
    public void A_reader_without_a_batch_has_no_records()
    {
        using var reader = new RecordBatchReader();
        Assert.False(reader.MoveNext());
        var noRoom = new RecordBatchReaderOptions { MaxDecompressedBytes = 0 };
        Assert.Throws<ArgumentOutOfRangeException>(() => new RecordBatchReader(noRoom));
    }

    private static byte[] Batch(string body, int count)
    {
        byte[] batch = [.. new byte[RecordBatchHeader.Size], .. Convert.FromHexString(body)];
        new RecordBatchHeader(
            100, batch.Length - RecordBatchHeader.LogOverhead, -1, RecordBatchHeader.CurrentMagic, 0, 0, 2, Time, Time, -1, -1, -1,
            count).Write(batch);
        Assert.Equal(count, BinaryPrimitives.ReadInt32BigEndian(batch.AsSpan(RecordBatchHeader.RecordCountAt)));
        return WithCrc(batch);
    }
}
