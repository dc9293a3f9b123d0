using OrleansLog.Records;
using Xunit;
using static OrleansLog.Tests.Records.Batches;

namespace OrleansLog.Tests.Records;

public sealed class RecordBatchTests
{
    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void What_was_built_is_valid_and_is_read_back(CompressionType compression)
    {
        foreach (var count in new[] { 1, 2, 100, 20_000 })
        {
            var batch = Mixed(count, compression);
            var header = RecordBatch.Validate(batch, fromProducer: true);
            Assert.Equal(count > 2 ? compression : header.Compression, header.Compression);
            Assert.Equal((0L, -1), (header.BaseOffset, header.PartitionLeaderEpoch));
            Assert.Equal((count, count - 1), (header.RecordCount, header.LastOffsetDelta));
            Assert.Equal(batch.Length, header.SizeInBytes);
            AssertMixed(batch, count);
            AssertMixed(batch, count, options: new() { UsePooledMemory = true, CheckCrc = true });
        }
    }

    [Fact]
    public void Offset_and_leader_epoch_are_set_without_breaking_the_CRC()
    {
        var batch = Mixed(10);
        RecordBatch.SetBaseOffset(batch, 1L << 40);
        RecordBatch.SetLeaderEpoch(batch, 77);
        var header = RecordBatch.Validate(batch);
        Assert.Equal((1L << 40, 77, (1L << 40) + 10), (header.BaseOffset, header.PartitionLeaderEpoch, header.NextOffset));
        AssertMixed(batch, 10, 1L << 40);
    }

    [Fact]
    public void Log_append_time_holds_for_all_records()
    {
        var batch = Mixed(10, CompressionType.Lz4);
        RecordBatch.SetLogAppendTime(batch, Time + 5_000);
        var header = RecordBatch.Validate(batch);
        Assert.Equal((TimestampType.LogAppendTime, Time + 5_000), (header.TimestampType, header.MaxTimestamp));
        using var reader = new RecordBatchReader(batch);
        while (reader.MoveNext()) Assert.Equal(Time + 5_000, reader.Current.TimestampMs);
    }

    [Fact]
    public void Batches_in_a_row_are_taken_one_by_one_and_a_cut_off_one_is_left()
    {
        byte[] first = Mixed(3), second = Mixed(4, CompressionType.Zstd), row = [.. first, .. second];
        for (var cut = 0; cut <= row.Length; cut++)
        {
            ReadOnlyMemory<byte> buffer = row.AsMemory(0, cut);
            var found = 0;
            while (RecordBatch.TryReadNext(ref buffer, out var batch, out var header))
            {
                Assert.Equal(found == 0 ? first : second, batch.ToArray());
                Assert.Equal(found == 0 ? 3 : 4, header.RecordCount);
                found++;
            }

            Assert.Equal(cut < first.Length ? 0 : cut < row.Length ? 1 : 2, found);
            Assert.Equal(cut - (found > 0 ? first.Length : 0) - (found > 1 ? second.Length : 0), buffer.Length);
        }
    }

    [Fact]
    public void Every_flipped_bit_that_the_CRC_covers_is_noticed()
    {
        var batch = Mixed(3);
        for (var bit = RecordBatchHeader.CrcAt * 8; bit < batch.Length * 8; bit++)
        {
            batch[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(RecordBatch.IsCrcValid(batch));
            Refused(() => RecordBatch.Validate(batch));
            batch[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        Assert.True(RecordBatch.IsCrcValid(batch));
    }

    [Theory]
    [InlineData(RecordBatchHeader.MagicAt, "01", ErrorCode.UnsupportedForMessageFormat)]
    [InlineData(RecordBatchHeader.LengthAt, "00000030", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.LengthAt, "FFFFFFFF", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.LengthAt, "7FFFFFFF", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.CrcAt, "00000000", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.AttributesAt, "0005", ErrorCode.UnsupportedCompressionType)]
    [InlineData(RecordBatchHeader.AttributesAt, "0007", ErrorCode.UnsupportedCompressionType)]
    [InlineData(RecordBatchHeader.LastOffsetDeltaAt, "00000001", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.LastOffsetDeltaAt, "FFFFFFFF", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.BaseTimestampAt, "FFFFFFFFFFFFFFFE", ErrorCode.InvalidTimestamp)]
    [InlineData(RecordBatchHeader.MaxTimestampAt, "8000000000000000", ErrorCode.InvalidTimestamp)]
    [InlineData(RecordBatchHeader.ProducerIdAt, "FFFFFFFFFFFFFFFE", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.ProducerIdAt, "0000000000000001", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.BaseOffsetAt, "8000000000000000", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.BaseOffsetAt, "7FFFFFFFFFFFFFFD", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.RecordCountAt, "FFFFFFFF", ErrorCode.CorruptMessage)]
    [InlineData(RecordBatchHeader.RecordCountAt, "7FFFFFFF", ErrorCode.CorruptMessage)]
    public void A_header_that_makes_no_sense_is_refused_for_what_it_is(int at, string hex, ErrorCode expected)
    {
        var batch = Mixed(3);
        Convert.FromHexString(hex).CopyTo(batch, at);
        if (at != RecordBatchHeader.CrcAt) RecordBatch.WriteCrc(batch);
        Assert.Equal(expected, Refused(() => RecordBatch.Validate(batch, fromProducer: true)).Error);
    }

    [Fact]
    public void More_records_than_the_bytes_can_hold_are_refused_before_any_is_read()
    {
        var batch = Mixed(1);
        var most = (batch.Length - RecordBatchHeader.Size) / RecordBatch.MinRecordSize;
        batch[RecordBatchHeader.RecordCountAt + 3] = (byte)(most + 1);
        batch[RecordBatchHeader.LastOffsetDeltaAt + 3] = (byte)most;
        var refused = Refused(() => RecordBatch.Validate(WithCrc(batch)));
        Assert.Contains($"claims {most + 1} records", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_batch_above_the_given_size_is_refused_with_size_and_bound()
    {
        var batch = Mixed(100);
        RecordBatch.Validate(batch, batch.Length);
        var refused = Refused(() => RecordBatch.Validate(batch, batch.Length - 1));
        Assert.Equal(ErrorCode.RecordTooLarge, refused.Error);
        Assert.Contains($"{batch.Length} bytes, more than the {batch.Length - 1}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Gaps_pass_in_a_compacted_batch_and_not_in_a_producers()
    {
        var batch = Mixed(3);
        batch[RecordBatchHeader.LastOffsetDeltaAt + 3] = 9;
        Assert.Equal(10, RecordBatch.Validate(WithCrc(batch)).NextOffset);
        Assert.Equal(ErrorCode.InvalidRecord, Refused(() => RecordBatch.Validate(batch, fromProducer: true)).Error);
    }

    [Fact]
    public void Producer_fields_must_go_together_in_a_producers_batch()
    {
        var good = Mixed(3, producerId: 5);
        Assert.Equal(19, RecordBatch.Validate(good, fromProducer: true).LastSequence);
        var noSequence = (byte[])good.Clone();
        noSequence.AsSpan(RecordBatchHeader.BaseSequenceAt, 4).Fill(0xFF);
        RecordBatch.Validate(WithCrc(noSequence));
        Assert.Equal(ErrorCode.InvalidRecord, Refused(() => RecordBatch.Validate(noSequence, fromProducer: true)).Error);
        var noProducer = Mixed(3);
        noProducer[RecordBatchHeader.AttributesAt + 1] |= (byte)RecordBatchHeader.TransactionalMask;
        Assert.Equal(ErrorCode.InvalidRecord, Refused(() => RecordBatch.Validate(WithCrc(noProducer), fromProducer: true)).Error);
    }

    [Fact]
    public void A_sequence_number_without_a_producer_passes_as_some_clients_write_it()
    {
        var batch = Mixed(3);
        batch.AsSpan(RecordBatchHeader.BaseSequenceAt, 4).Clear();
        Assert.Equal(-1, RecordBatch.Validate(WithCrc(batch), fromProducer: true).LastSequence);
    }

    [Fact]
    public void Control_batches_are_not_for_producers()
    {
        var marker = ControlRecords.WriteEndTransaction(Time, 1, 0, default);
        RecordBatch.Validate(marker);
        Assert.Equal(ErrorCode.InvalidRecord, Refused(() => RecordBatch.Validate(marker, fromProducer: true)).Error);
    }

    [Fact]
    public void A_fault_is_handed_on_as_it_would_be_thrown()
    {
        var batch = Mixed(3);
        Assert.True(RecordBatch.TryValidate(batch, out var header, out var fault));
        Assert.Equal((3, null), (header.RecordCount, fault));
        batch[^1] ^= 1;
        Assert.False(RecordBatch.TryValidate(batch, out header, out fault));
        Assert.Equal((3, ErrorCode.CorruptMessage), (header.RecordCount, fault!.Error));
        Assert.False(RecordBatch.TryValidate(batch.AsSpan(..^1), out _, out fault));
        Assert.Contains($"says it has {batch.Length} bytes, but {batch.Length - 1}", fault!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_record_without_a_key_is_refused_where_keys_are_required()
    {
        var batch = Mixed(3);
        RecordBatch.ValidateRecords(batch, requireKeys: false);
        var refused = Refused(() => RecordBatch.ValidateRecords(batch, requireKeys: true));
        Assert.Equal(ErrorCode.InvalidRecord, refused.Error);
        Assert.Equal(WithoutKey(batch), refused.RefusedRecords);

        static List<int> WithoutKey(byte[] batch)
        {
            using var reader = new RecordBatchReader(batch);
            var positions = new List<int>();
            for (var i = 0; reader.MoveNext(); i++)
                if (!reader.Current.HasKey) positions.Add(i);
            return positions;
        }
    }

    [Fact]
    public void A_header_is_written_as_it_is_read()
    {
        var header = new RecordBatchHeader(1, 2, 3, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13);
        var bytes = new byte[RecordBatchHeader.Size];
        header.Write(bytes);
        Assert.True(RecordBatchHeader.TryRead(bytes, out var read));
        Assert.Equal(header, read);
    }
}
