using System.Buffers.Binary;
using K4os.Compression.LZ4.Streams;
using OrleansLog.Records;
using OrleansLog.Records.Codecs;
using Snappier;
using Xunit;
using ZstdSharp;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class CodecTests
{
    public static TheoryData<CompressionType> Codecs =>
        [CompressionType.Gzip, CompressionType.Snappy, CompressionType.Lz4, CompressionType.Zstd];

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Any_length_comes_back(CompressionType codec)
    {
        foreach (var length in new[] { 1, 2, 100, 32_767, 32_768, 32_769, 65_536, 65_537, 300_000 })
        {
            var text = Content(length);
            Assert.Equal(text, Decompress(codec, Compress(codec, text)));
            new Random(length).NextBytes(text);
            Assert.Equal(text, Decompress(codec, Compress(codec, text)));
        }
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Records_whose_stream_is_cut_off_anywhere_are_refused(CompressionType codec)
    {
        var whole = Mixed(30, codec);
        var compressed = whole[RecordBatchHeader.Size..];
        // The library misses neither the trailer nor the last code of gzip; all records are there, and the batch has its CRC.
        var needed = compressed.Length - (codec == CompressionType.Gzip ? 10 : 0);
        for (var cut = 0; cut < needed; cut++)
        {
            var batch = Batch(codec, whole, compressed[..cut]);
            Assert.Equal(ErrorCode.CorruptMessage, Refused(() => Read(batch, RecordBatchReaderOptions.Default)).Error);
        }
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void Exactly_the_bound_is_taken_and_a_byte_more_refused(CompressionType codec)
    {
        foreach (var length in new[] { 10, 1_000, 200_000 })
        {
            var compressed = Compress(codec, Content(length));
            Assert.Equal(length, Decompress(codec, compressed, length).Length);
            Assert.Equal(ErrorCode.CorruptMessage, Refused(() => Decompress(codec, compressed, length - 1)).Error);
        }
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_bomb_is_stopped_at_the_bound(CompressionType codec)
    {
        // One record whose value is 8 MB of zeros: every length in it is true.
        using var builder = new RecordBatchBuilder(1 << 24, codec);
        builder.TryAppend(Time, default, false, new byte[8_000_000], true);
        var bomb = builder.Build().ToArray();
        var options = new RecordBatchReaderOptions { MaxDecompressedBytes = 256 << 10 };
        Refused(() => Read(bomb, options));
        var before = GC.GetAllocatedBytesForCurrentThread();
        var refused = Refused(() => Read(bomb, options));
        Assert.Equal(ErrorCode.CorruptMessage, refused.Error);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
        Assert.Equal(1, Read(bomb, RecordBatchReaderOptions.Default));
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    public void A_stream_that_goes_on_after_the_last_record_is_given_up_early(CompressionType codec)
    {
        var plain = new byte[8_000_000];
        Mixed(100)[RecordBatchHeader.Size..].CopyTo(plain, 0);
        var batch = Batch(codec, Mixed(100), Compress(codec, plain));
        AssertRefused("more bytes follow", () => Read(batch, RecordBatchReaderOptions.Default));
        var before = GC.GetAllocatedBytesForCurrentThread();
        Refused(() => Read(batch, RecordBatchReaderOptions.Default));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Gzip_of_several_members_is_read()
    {
        var text = Content(10_000);
        var first = Compress(CompressionType.Gzip, text.AsSpan(0, 3_000));
        var second = Compress(CompressionType.Gzip, text.AsSpan(3_000));
        Assert.Equal(text, Decompress(CompressionType.Gzip, [.. first, .. second]));
    }

    [Fact]
    public void Snappy_is_read_raw_and_from_concatenated_streams()
    {
        var text = Content(100_000);
        Assert.Equal(text, Decompress(CompressionType.Snappy, Snappy.CompressToArray(text)));
        var first = Compress(CompressionType.Snappy, text.AsSpan(0, 40_000));
        var second = Compress(CompressionType.Snappy, text.AsSpan(40_000));
        Assert.Equal(text, Decompress(CompressionType.Snappy, [.. first, .. second]));
    }

    [Fact]
    public void A_snappy_block_that_claims_more_than_it_can_hold_is_refused_before_memory_is_taken()
    {
        byte[] lie = [0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x00, (byte)'a'];
        AssertRefused("claims 2147483647 bytes", () => Decompress(CompressionType.Snappy, lie));
        byte[] framed = [.. Compress(CompressionType.Snappy, []), 0x7F, 0xFF, 0xFF, 0xFF, 1, 2];
        AssertRefused("claims 2147483647 bytes", () => Decompress(CompressionType.Snappy, framed));
    }

    [Theory]
    [InlineData(true, true, true, 64 << 10)]
    [InlineData(true, false, false, 256 << 10)]
    [InlineData(false, true, true, 64 << 10)]
    [InlineData(false, false, true, 4 << 20)]
    public void Lz4_frames_of_all_kinds_are_read(bool linked, bool blockChecksum, bool contentChecksum, int blockSize)
    {
        var text = Content(700_000);
        using var target = new MemoryStream();
        var settings = new LZ4EncoderSettings
        {
            ChainBlocks = linked, BlockChecksum = blockChecksum, ContentChecksum = contentChecksum, BlockSize = blockSize,
        };
        using (var stream = LZ4Stream.Encode(target, settings, leaveOpen: true)) stream.Write(text);
        var frame = target.ToArray();
        Assert.Equal(text, Decompress(CompressionType.Lz4, frame));
        if (!contentChecksum) return;
        frame[^1] ^= 1;
        AssertRefused("content checksum", () => Decompress(CompressionType.Lz4, frame));
    }

    [Theory]
    [InlineData(3, null)]
    [InlineData(2, "claims 2 bytes of content and has 3")]
    [InlineData(4, "claims 4 bytes of content and has 3")]
    public void The_content_size_of_an_lz4_frame_must_be_true(byte claimed, string? message)
    {
        byte[] descriptor = [0x68, 0x40, claimed, 0, 0, 0, 0, 0, 0, 0];
        var checksum = (byte)(K4os.Hash.xxHash.XXH32.DigestOf(descriptor) >> 8);
        byte[] frame = [0x04, 0x22, 0x4D, 0x18, .. descriptor, checksum, 3, 0, 0, 0x80, 1, 2, 3, 0, 0, 0, 0];
        if (message is null) Assert.Equal([1, 2, 3], Decompress(CompressionType.Lz4, frame));
        else AssertRefused(message, () => Decompress(CompressionType.Lz4, frame));
        frame[14] ^= 1;
        AssertRefused("fails its checksum", () => Decompress(CompressionType.Lz4, frame));
    }

    [Fact]
    public void Our_lz4_frame_is_read_by_another_decoder_and_names_independent_blocks()
    {
        var text = Content(200_000);
        var frame = Compress(CompressionType.Lz4, text);
        Assert.Equal("04224D186040", Convert.ToHexString(frame, 0, 6));
        using var stream = LZ4Stream.Decode(new MemoryStream(frame));
        using var read = new MemoryStream();
        stream.CopyTo(read);
        Assert.Equal(text, read.ToArray());
    }

    [Fact]
    public void Zstandard_without_a_content_size_and_in_several_frames_is_read()
    {
        var text = Content(500_000);
        using var target = new MemoryStream();
        foreach (var part in new[] { text[..200_000], text[200_000..] })
        {
            using var stream = new CompressionStream(target, 1, leaveOpen: true);
            stream.Write(part);
        }

        Assert.Equal(text, Decompress(CompressionType.Zstd, target.ToArray()));
    }

    [Fact]
    public void A_zstandard_frame_may_claim_any_window_without_taking_memory()
    {
        // magic, a descriptor without content size, a window of 2^41 bytes and more, a raw last block of one byte
        byte[] frame = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0xFF, 0x09, 0x00, 0x00, (byte)'a'];
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(ErrorCode.CorruptMessage, Refused(() => Decompress(CompressionType.Zstd, frame)).Error);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void An_unknown_codec_is_named() => Assert.Equal(
        ErrorCode.UnsupportedCompressionType, Refused(() => Decompress((CompressionType)6, [1, 2, 3])).Error);

    /// <summary>The batch with other compressed records and a CRC that is right.</summary>
    internal static byte[] Batch(CompressionType codec, byte[] like, byte[] compressed)
    {
        byte[] batch = [.. like.AsSpan(0, RecordBatchHeader.Size), .. compressed];
        var length = batch.Length - RecordBatchHeader.LogOverhead;
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.LengthAt), length);
        batch[RecordBatchHeader.AttributesAt + 1] = (byte)((batch[RecordBatchHeader.AttributesAt + 1] & ~7) | (int)codec);
        return WithCrc(batch);
    }

    internal static byte[] Compress(CompressionType codec, ReadOnlySpan<byte> plain)
    {
        if (codec == CompressionType.None) return plain.ToArray();
        using var buffer = new PooledBuffer(int.MaxValue);
        Codec.Compress(codec, 0, plain, buffer);
        return buffer.Written.ToArray();
    }

    private static void AssertRefused(string message, Action action) =>
        Assert.Contains(message, Refused(action).Message, StringComparison.Ordinal);

    private static byte[] Decompress(CompressionType codec, byte[] compressed, int maxBytes = 1 << 26)
    {
        using var buffer = new PooledBuffer(maxBytes);
        Codec.Decompress(codec, compressed, buffer);
        return buffer.Written.ToArray();
    }

    private static int Read(byte[] batch, RecordBatchReaderOptions options)
    {
        using var reader = new RecordBatchReader(batch, options);
        var count = 0;
        while (reader.MoveNext()) count++;
        return count;
    }

    private static byte[] Content(int length)
    {
        var random = new Random(length);
        var content = new byte[length];
        for (var i = 0; i < length; i++) content[i] = i % 1_000 < 700 ? (byte)('a' + (i % 23)) : (byte)random.Next(256);
        return content;
    }
}
