using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using OrleansLog.Records.Codecs;

namespace OrleansLog.Records;

/// <summary>
/// Checks, patches and iterates over encoded batches, without decoding their records except where it says so. Thread-safe.
/// </summary>
public static class RecordBatch
{
    /// <summary>
    /// The fewest bytes that an uncompressed record takes: length, attributes, two deltas, two lengths and a header count.
    /// </summary>
    public const int MinRecordSize = 7;

    // Of the records that a batch is refused for, so many are named.
    private const int MaxRefusedRecords = 10_000;

    /// <summary>
    /// Checks the batch at the start of <paramref name="source"/>: that it is whole, of magic 2, not above
    /// <paramref name="maxBatchBytes"/> (header included), with offsets, count and codec that make sense, and that its CRC
    /// matches. Does not decode the records. What compaction or Kafka itself may have written passes.
    /// </summary>
    /// <param name="source">The batch, and what may follow it.</param>
    /// <param name="maxBatchBytes">The most bytes that the batch may have.</param>
    /// <param name="fromProducer">
    /// Also demands what every producer's batch satisfies and a compacted or a coordinator's one may not: at least one record,
    /// dense offsets (the last offset delta is the count less one), no delete horizon, no control record, a sequence number if
    /// there is a producer id, and timestamps from -1 (logs hold older ones, of clients that wrote some such time for none).
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
        if (!TryValidate(source, out var header, out var fault, maxBatchBytes, fromProducer)) throw fault;
        return header;
    }

    /// <summary>
    /// Checks the batch at the start of <paramref name="source"/> like <see cref="Validate"/>, but hands the fault on instead of
    /// throwing it: for scans that look for the last valid batch.
    /// </summary>
    /// <param name="source">The batch, and what may follow it.</param>
    /// <param name="header">The header, as far as it could be read.</param>
    /// <param name="fault">What <see cref="Validate"/> would throw.</param>
    /// <param name="maxBatchBytes">The most bytes that the batch may have.</param>
    /// <param name="fromProducer">As for <see cref="Validate"/>.</param>
    /// <returns>Whether the batch is valid.</returns>
    public static bool TryValidate(
        ReadOnlySpan<byte> source,
        out RecordBatchHeader header,
        [NotNullWhen(false)] out OrleansLogException? fault,
        int maxBatchBytes = int.MaxValue,
        bool fromProducer = false)
    {
        fault = ReadHeader(source, out header, maxBatchBytes)
            ?? (fromProducer ? ProducerFault(header) : null)
            ?? CrcFault(source, header);
        return fault is null;
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
        if (HeaderFault(header, int.MaxValue) is { } fault) throw fault;
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
        List<int>? withoutKey = null;
        while (reader.MoveNext())
        {
            ref readonly var record = ref reader.Current;
            if (!allowOffsetGaps && record.Offset != next)
            {
                throw Fault.Corrupt($"A record has offset {record.Offset} where {next} was expected.");
            }

            if (requireKeys && !record.HasKey && (withoutKey ??= []).Count < MaxRefusedRecords)
                withoutKey.Add((int)(record.Offset - reader.Header.BaseOffset));

            if (record.TimestampMs < -1)
            {
                throw Fault.With(
                    ErrorCode.InvalidTimestamp,
                    $"Record {record.Offset - reader.Header.BaseOffset} of a batch has timestamp {record.TimestampMs}.");
            }

            next++;
        }

        if (withoutKey is not null)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRecord, $"Record {withoutKey[0]} of a batch has no key; a compacted topic requires one.")
            {
                RefusedRecords = withoutKey,
            };
        }
    }

    /// <summary>Reads the header and tells what is wrong with it; the whole batch must be in <paramref name="source"/>.</summary>
    internal static OrleansLogException? ReadHeader(
        ReadOnlySpan<byte> source, out RecordBatchHeader header, int maxBatchBytes = int.MaxValue)
    {
        if (!RecordBatchHeader.TryRead(source, out header))
        {
            return Fault.Corrupt(
                $"{source.Length} bytes are too few for a record batch, whose header alone takes {RecordBatchHeader.Size}.");
        }

        if (HeaderFault(header, maxBatchBytes) is { } fault) return fault;
        return header.SizeInBytes > source.Length
            ? Fault.Corrupt($"A record batch says it has {header.SizeInBytes} bytes, but {source.Length} are there.")
            : null;
    }

    /// <summary>Tells whether the CRC of the batch at the start of <paramref name="source"/> does not match.</summary>
    internal static OrleansLogException? CrcFault(ReadOnlySpan<byte> source, in RecordBatchHeader header)
    {
        var crc = ComputeCrc(source[..(int)header.SizeInBytes]);
        if (crc == header.Crc) return null;
        return Fault.Corrupt(
            $"The record batch at offset {header.BaseOffset} says its CRC is 0x{header.Crc:x8}, but it is 0x{crc:x8}.");
    }

    /// <summary>Tells whether there are more records than <paramref name="bytes"/> of uncompressed ones can hold.</summary>
    internal static OrleansLogException? CountFault(in RecordBatchHeader header, int bytes)
    {
        if ((long)header.RecordCount * MinRecordSize <= bytes) return null;
        return Fault.Corrupt(
            $"A record batch claims {header.RecordCount} records in {bytes} bytes; each takes {MinRecordSize} at least.");
    }

    /// <summary>Computes the CRC of a batch and writes it to its place.</summary>
    internal static void WriteCrc(Span<byte> batch) =>
        BinaryPrimitives.WriteUInt32BigEndian(batch[RecordBatchHeader.CrcAt..], ComputeCrc(batch));

    private static uint ComputeCrc(ReadOnlySpan<byte> batch) => Crc32C.Compute(batch[RecordBatchHeader.AttributesAt..]);

    private static OrleansLogException? HeaderFault(in RecordBatchHeader header, int maxBatchBytes)
    {
        if (header.Magic != RecordBatchHeader.CurrentMagic)
        {
            return Fault.With(
                ErrorCode.UnsupportedForMessageFormat,
                $"A record batch has magic {header.Magic}; only {RecordBatchHeader.CurrentMagic} is supported.");
        }

        if (header.SizeInBytes is < RecordBatchHeader.Size or > int.MaxValue)
        {
            return Fault.Corrupt(
                $"A record batch says it has {header.SizeInBytes} bytes, not {RecordBatchHeader.Size} to {int.MaxValue}.");
        }

        if (header.SizeInBytes > maxBatchBytes)
        {
            return Fault.With(
                ErrorCode.RecordTooLarge,
                $"A record batch has {header.SizeInBytes} bytes, more than the {maxBatchBytes} allowed.");
        }

        if (!Codec.IsKnown(header.Compression))
        {
            return Fault.With(
                ErrorCode.UnsupportedCompressionType,
                $"A record batch names compression codec {(int)header.Compression}, which is not known.");
        }

        return OffsetFault(header) ?? ProducerFieldsFault(header);
    }

    private static OrleansLogException? OffsetFault(in RecordBatchHeader header)
    {
        if (header.RecordCount < 0 || header.LastOffsetDelta < 0 || header.RecordCount - 1L > header.LastOffsetDelta)
        {
            return Fault.Corrupt(
                $"A record batch claims {header.RecordCount} records up to offset delta {header.LastOffsetDelta}.");
        }

        if (header.BaseOffset < 0 || header.BaseOffset >= long.MaxValue - header.LastOffsetDelta)
        {
            return Fault.Corrupt(
                $"A record batch has base offset {header.BaseOffset} and last offset delta {header.LastOffsetDelta}.");
        }

        return header.Compression == CompressionType.None
            ? CountFault(header, (int)header.SizeInBytes - RecordBatchHeader.Size)
            : null;
    }

    private static OrleansLogException? TimestampFault(in RecordBatchHeader header)
    {
        if (header.BaseTimestamp >= -1 && header.MaxTimestamp >= -1) return null;
        return Fault.With(
            ErrorCode.InvalidTimestamp,
            $"Base timestamp {header.BaseTimestamp} and greatest timestamp {header.MaxTimestamp} may not be below -1.");
    }

    private static OrleansLogException? ProducerFieldsFault(in RecordBatchHeader header)
    {
        if (header.ProducerId >= -1 && header.ProducerEpoch >= -1 && header.BaseSequence >= -1
            && (header.ProducerId < 0 || header.ProducerEpoch >= 0)) return null;
        return Fault.Corrupt(
            $"Producer id {header.ProducerId}, epoch {header.ProducerEpoch} and sequence {header.BaseSequence} do not fit.");
    }

    private static OrleansLogException? ProducerFault(in RecordBatchHeader header)
    {
        if (header.RecordCount < 1 || header.LastOffsetDelta != header.RecordCount - 1 || header.HasDeleteHorizon)
        {
            return Fault.With(
                ErrorCode.InvalidRecord,
                $"A producer's offsets must be dense: {header.RecordCount} records up to delta {header.LastOffsetDelta}.");
        }

        if (header.IsControl) return Fault.With(ErrorCode.InvalidRecord, $"A producer may not write control batches.");

        // Some clients that are not idempotent write sequence number 0 without a producer id.
        if (header.HasProducerId && header.BaseSequence < 0)
        {
            return Fault.With(
                ErrorCode.InvalidRecord,
                $"A batch of producer id {header.ProducerId} has sequence number {header.BaseSequence}, which must be 0 or more.");
        }

        return header.IsTransactional && !header.HasProducerId
            ? Fault.With(ErrorCode.InvalidRecord, $"A transactional batch has producer id {header.ProducerId}.")
            : TimestampFault(header);
    }
}
