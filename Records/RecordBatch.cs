using System.Buffers.Binary;
using OrleansLog.Records.Codecs;

namespace OrleansLog.Records;

/// <summary>
/// Checks, patches and iterates over encoded batches, without decoding their records except where it says so. Thread-safe.
/// </summary>
public static class RecordBatch
{
    /// <summary>The fewest bytes that an uncompressed record takes: length, attributes, two deltas, two lengths, a header count.</summary>
    public const int MinRecordSize = 7;

    /// <summary>
    /// Checks the batch at the start of <paramref name="source"/>: that it is whole, of magic 2, not above
    /// <paramref name="maxBatchBytes"/> (header included), with counts, codec and times that make sense, and that its CRC
    /// matches. Does not decode the records. What compaction or Kafka itself may have written passes.
    /// </summary>
    /// <param name="source">The batch, and what may follow it.</param>
    /// <param name="maxBatchBytes">The most bytes that the batch may have.</param>
    /// <param name="fromProducer">
    /// Also demands what every producer's batch satisfies and a compacted or a coordinator's one may not: at least one record,
    /// dense offsets (the last offset delta is the count less one), no delete horizon, and a sequence number if and only if there
    /// is a producer id.
    /// </param>
    /// <returns>The header.</returns>
    /// <exception cref="OrleansLogException">
    /// <see cref="ErrorCode.CorruptMessage"/>, <see cref="ErrorCode.UnsupportedForMessageFormat"/>,
    /// <see cref="ErrorCode.UnsupportedCompressionType"/>, <see cref="ErrorCode.RecordTooLarge"/>,
    /// <see cref="ErrorCode.InvalidTimestamp"/>, <see cref="ErrorCode.InvalidRecord"/>.
    /// </exception>
    public static RecordBatchHeader Validate(
        ReadOnlySpan<byte> source, int maxBatchBytes = int.MaxValue, bool fromProducer = false)
    {
        var header = ReadHeader(source, maxBatchBytes);
        if (fromProducer) CheckProducerBatch(header);
        CheckCrc(source[..(int)header.SizeInBytes], header);
        return header;
    }

    /// <summary>Whether the CRC matches; <paramref name="batch"/> is exactly one batch.</summary>
    public static bool IsCrcValid(ReadOnlySpan<byte> batch) =>
        batch.Length >= RecordBatchHeader.Size
        && BinaryPrimitives.ReadUInt32BigEndian(batch[RecordBatchHeader.CrcAt..]) == ComputeCrc(batch);

    /// <summary>Sets the base offset, which the CRC does not cover.</summary>
    public static void SetBaseOffset(Span<byte> batch, long baseOffset) =>
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.BaseOffsetAt..], baseOffset);

    /// <summary>Sets the partition leader epoch, which the CRC does not cover.</summary>
    public static void SetLeaderEpoch(Span<byte> batch, int leaderEpoch) =>
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.LeaderEpochAt..], leaderEpoch);

    /// <summary>
    /// Makes <paramref name="timestampMs"/> the log append time of the batch and so of all its records, and writes the new CRC.
    /// <paramref name="batch"/> is exactly one batch.
    /// </summary>
    public static void SetLogAppendTime(Span<byte> batch, long timestampMs)
    {
        var attributes = BinaryPrimitives.ReadInt16BigEndian(batch[RecordBatchHeader.AttributesAt..]);
        attributes |= RecordBatchHeader.TimestampTypeMask;
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.AttributesAt..], attributes);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.MaxTimestampAt..], timestampMs);
        WriteCrc(batch);
    }

    /// <summary>
    /// Takes the next batch off the front of <paramref name="buffer"/>, which holds batches one after the other; false when less
    /// than a whole one is left, as at the end of what was fetched. Neither CRC nor records are checked.
    /// </summary>
    /// <param name="buffer">The batches; moved on past the one returned.</param>
    /// <param name="batch">The batch, a slice of the buffer.</param>
    /// <param name="header">Its header.</param>
    /// <exception cref="OrleansLogException">The header makes no sense: see <see cref="Validate"/>.</exception>
    public static bool TryReadNext(
        ref ReadOnlyMemory<byte> buffer, out ReadOnlyMemory<byte> batch, out RecordBatchHeader header)
    {
        batch = default;
        if (!RecordBatchHeader.TryRead(buffer.Span, out header)) return false;
        CheckHeader(header, int.MaxValue);
        if (header.SizeInBytes > buffer.Length) return false;
        var size = (int)header.SizeInBytes;
        batch = buffer[..size];
        buffer = buffer[size..];
        return true;
    }

    /// <summary>
    /// Decodes all records of a batch that has passed <see cref="Validate"/>, and so checks that every one is well formed, that
    /// offsets are dense, and, for a compacted topic, that each has a key.
    /// </summary>
    /// <param name="batch">Exactly one batch.</param>
    /// <param name="requireKeys">Whether a record without a key is refused, with <see cref="ErrorCode.InvalidRecord"/>.</param>
    /// <param name="allowOffsetGaps">Whether offsets may be missing, as they may after compaction.</param>
    /// <param name="maxDecompressedBytes">The most bytes that the records may take decompressed.</param>
    /// <exception cref="OrleansLogException">As said, and <see cref="ErrorCode.CorruptMessage"/>.</exception>
    public static void ValidateRecords(
        ReadOnlyMemory<byte> batch,
        bool requireKeys,
        bool allowOffsetGaps = false,
        int maxDecompressedBytes = RecordBatchReaderOptions.DefaultMaxDecompressedBytes)
    {
        var options = new RecordBatchReaderOptions { MaxDecompressedBytes = maxDecompressedBytes, UsePooledMemory = true };
        using var reader = new RecordBatchReader(batch, options);
        var next = reader.Header.BaseOffset;
        while (reader.MoveNext())
        {
            ref readonly var record = ref reader.Current;
            if (!allowOffsetGaps && record.Offset != next)
            {
                Refuse.Corrupt($"A record has offset {record.Offset} where {next} was expected.");
            }

            if (requireKeys && !record.HasKey)
            {
                Refuse.With(
                    ErrorCode.InvalidRecord,
                    $"The record at place {record.Offset - reader.Header.BaseOffset} of a batch has no key; a compacted topic requires one.");
            }

            next++;
        }
    }

    /// <summary>Reads and judges the header; the whole batch must be in <paramref name="source"/>.</summary>
    internal static RecordBatchHeader ReadHeader(ReadOnlySpan<byte> source, int maxBatchBytes = int.MaxValue)
    {
        if (!RecordBatchHeader.TryRead(source, out var header))
        {
            Refuse.Corrupt($"{source.Length} bytes are too few for a record batch, whose header alone takes {RecordBatchHeader.Size}.");
        }

        CheckHeader(header, maxBatchBytes);
        if (header.SizeInBytes > source.Length)
        {
            Refuse.Corrupt($"A record batch says it has {header.SizeInBytes} bytes, but {source.Length} are there.");
        }

        return header;
    }

    /// <summary>Refuses a batch whose CRC does not match.</summary>
    internal static void CheckCrc(ReadOnlySpan<byte> batch, in RecordBatchHeader header)
    {
        var crc = ComputeCrc(batch);
        if (crc != header.Crc)
        {
            Refuse.Corrupt(
                $"The record batch at offset {header.BaseOffset} says its CRC is 0x{header.Crc:x8}, but it is 0x{crc:x8}.");
        }
    }

    /// <summary>Refuses more records than <paramref name="bytes"/> of uncompressed ones can hold.</summary>
    internal static void CheckCount(in RecordBatchHeader header, int bytes)
    {
        if ((long)header.RecordCount * MinRecordSize > bytes)
        {
            Refuse.Corrupt($"A record batch claims {header.RecordCount} records in {bytes} bytes; each takes {MinRecordSize} at least.");
        }
    }

    /// <summary>Computes the CRC of a batch and writes it to its place.</summary>
    internal static void WriteCrc(Span<byte> batch) =>
        BinaryPrimitives.WriteUInt32BigEndian(batch[RecordBatchHeader.CrcAt..], ComputeCrc(batch));

    private static uint ComputeCrc(ReadOnlySpan<byte> batch) => Crc32C.Compute(batch[RecordBatchHeader.AttributesAt..]);

    private static void CheckHeader(in RecordBatchHeader header, int maxBatchBytes)
    {
        if (header.Magic != RecordBatchHeader.CurrentMagic)
        {
            Refuse.With(
                ErrorCode.UnsupportedForMessageFormat,
                $"A record batch has magic {header.Magic}; only {RecordBatchHeader.CurrentMagic} is supported.");
        }

        if (header.SizeInBytes is < RecordBatchHeader.Size or > int.MaxValue)
        {
            Refuse.Corrupt(
                $"A record batch says it has {header.SizeInBytes} bytes; it must have {RecordBatchHeader.Size} to {int.MaxValue}.");
        }

        if (header.SizeInBytes > maxBatchBytes)
        {
            Refuse.With(
                ErrorCode.RecordTooLarge, $"A record batch has {header.SizeInBytes} bytes, more than the {maxBatchBytes} allowed.");
        }

        if (!Codec.IsKnown(header.Compression))
        {
            Refuse.With(
                ErrorCode.UnsupportedCompressionType, $"A record batch names compression codec {(int)header.Compression}, which is not known.");
        }

        if (header.RecordCount < 0 || header.LastOffsetDelta < 0 || header.RecordCount - 1L > header.LastOffsetDelta)
        {
            Refuse.Corrupt($"A record batch claims {header.RecordCount} records up to offset delta {header.LastOffsetDelta}.");
        }

        if (header.Compression == CompressionType.None) CheckCount(header, (int)header.SizeInBytes - RecordBatchHeader.Size);
        if (header.BaseTimestamp < -1 || header.MaxTimestamp < -1)
        {
            Refuse.With(
                ErrorCode.InvalidTimestamp,
                $"A record batch has base timestamp {header.BaseTimestamp} and greatest timestamp {header.MaxTimestamp}; neither may be below -1.");
        }

        if (header.ProducerId < -1 || header.ProducerEpoch < -1 || header.BaseSequence < -1
            || (header.ProducerId >= 0 && header.ProducerEpoch < 0))
        {
            Refuse.Corrupt(
                $"A record batch has producer id {header.ProducerId}, epoch {header.ProducerEpoch} and sequence number {header.BaseSequence}, which do not go together.");
        }
    }

    private static void CheckProducerBatch(in RecordBatchHeader header)
    {
        if (header.RecordCount < 1 || header.LastOffsetDelta != header.RecordCount - 1 || header.HasDeleteHorizon)
        {
            Refuse.With(
                ErrorCode.InvalidRecord,
                $"A producer's batch must have records with dense offsets: this one has {header.RecordCount} up to offset delta {header.LastOffsetDelta}.");
        }

        var sequenced = header.BaseSequence >= 0;
        if (!header.IsControl && sequenced != header.HasProducerId)
        {
            Refuse.With(
                ErrorCode.InvalidRecord,
                $"A batch of producer id {header.ProducerId} has sequence number {header.BaseSequence}; the one needs the other.");
        }

        if (header.IsTransactional && !header.HasProducerId)
        {
            Refuse.With(ErrorCode.InvalidRecord, $"A transactional batch has producer id {header.ProducerId}.");
        }
    }
}
