using System.Buffers.Binary;

namespace OrleansLog.Records;

/// <summary>
/// The fixed header of a RecordBatch v2, as 61 big-endian bytes. The base offset, the length and the leader epoch lie
/// outside the CRC, so a server may set them without touching the rest.
/// Source: "Record Batch" in Kafka's message format documentation.
/// </summary>
/// <param name="BaseOffset">Offset of the first record.</param>
/// <param name="BatchLength">Bytes that follow this field: the batch's size less <see cref="LogOverhead"/>.</param>
/// <param name="PartitionLeaderEpoch">Epoch of the leader that appended the batch; -1 when not known.</param>
/// <param name="Magic">Format version; 2 is the only one served.</param>
/// <param name="Crc">CRC-32C of all bytes from the attributes to the end of the batch.</param>
/// <param name="Attributes">Compression, timestamp type and flags.</param>
/// <param name="LastOffsetDelta">Offset of the last record less <see cref="BaseOffset"/>; kept by compaction.</param>
/// <param name="BaseTimestamp">Milliseconds since the Unix epoch that the records' timestamp deltas refer to (or the delete
/// horizon, see <see cref="HasDeleteHorizon"/>).</param>
/// <param name="MaxTimestamp">Greatest timestamp of the records, milliseconds since the Unix epoch; -1 for none.</param>
/// <param name="ProducerId">Id of the idempotent producer; -1 for none.</param>
/// <param name="ProducerEpoch">Epoch of the producer id; -1 for none.</param>
/// <param name="BaseSequence">Sequence number of the first record; -1 for none.</param>
/// <param name="RecordCount">Number of records in the batch; 0 only in a batch that compaction emptied.</param>
public readonly record struct RecordBatchHeader(
    long BaseOffset,
    int BatchLength,
    int PartitionLeaderEpoch,
    byte Magic,
    uint Crc,
    short Attributes,
    int LastOffsetDelta,
    long BaseTimestamp,
    long MaxTimestamp,
    long ProducerId,
    short ProducerEpoch,
    int BaseSequence,
    int RecordCount)
{
    /// <summary>Size of the header in bytes; the records follow it.</summary>
    public const int Size = 61;

    /// <summary>Bytes of the base offset and the length field, which the length does not count.</summary>
    public const int LogOverhead = 12;

    /// <summary>The format version of this layout.</summary>
    public const byte CurrentMagic = 2;

    internal const int BaseOffsetAt = 0, LengthAt = 8, LeaderEpochAt = 12, MagicAt = 16, CrcAt = 17, AttributesAt = 21,
        LastOffsetDeltaAt = 23, BaseTimestampAt = 27, MaxTimestampAt = 35, ProducerIdAt = 43, ProducerEpochAt = 51,
        BaseSequenceAt = 53, RecordCountAt = 57;

    internal const short CompressionMask = 0x07, TimestampTypeMask = 0x08, TransactionalMask = 0x10, ControlMask = 0x20,
        DeleteHorizonMask = 0x40;

    /// <summary>Size of the whole batch in bytes, header included.</summary>
    public long SizeInBytes => (long)BatchLength + LogOverhead;

    /// <summary>Offset of the last record (or of the last one there was, in a compacted batch).</summary>
    public long LastOffset => BaseOffset + LastOffsetDelta;

    /// <summary>The offset after the batch.</summary>
    public long NextOffset => LastOffset + 1;

    /// <summary>How the records are compressed; a value outside the enum is an unknown codec.</summary>
    public CompressionType Compression => (CompressionType)(Attributes & CompressionMask);

    /// <summary>What the timestamps mean.</summary>
    public TimestampType TimestampType => (Attributes & TimestampTypeMask) == 0
        ? TimestampType.CreateTime : TimestampType.LogAppendTime;

    /// <summary>Whether the batch belongs to a transaction.</summary>
    public bool IsTransactional => (Attributes & TransactionalMask) != 0;

    /// <summary>Whether the batch holds a control record (a transaction marker) instead of data.</summary>
    public bool IsControl => (Attributes & ControlMask) != 0;

    /// <summary>Whether <see cref="BaseTimestamp"/> holds the time from which the batch's tombstones may be removed.</summary>
    public bool HasDeleteHorizon => (Attributes & DeleteHorizonMask) != 0;

    /// <summary>Whether the batch comes from an idempotent producer.</summary>
    public bool HasProducerId => ProducerId >= 0;

    /// <summary>Sequence number of the last record; -1 without a producer. They wrap from int.MaxValue to 0.</summary>
    public int LastSequence => BaseSequence < 0 || ProducerId < 0 ? -1 : (int)(((long)BaseSequence + LastOffsetDelta) & int.MaxValue);

    /// <summary>
    /// Reads the header at the start of <paramref name="source"/> without judging its values; false when fewer than
    /// <see cref="Size"/> bytes are there.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out RecordBatchHeader header)
    {
        if (source.Length < Size)
        {
            header = default;
            return false;
        }

        header = new RecordBatchHeader(
            BinaryPrimitives.ReadInt64BigEndian(source[BaseOffsetAt..]),
            BinaryPrimitives.ReadInt32BigEndian(source[LengthAt..]),
            BinaryPrimitives.ReadInt32BigEndian(source[LeaderEpochAt..]),
            source[MagicAt],
            BinaryPrimitives.ReadUInt32BigEndian(source[CrcAt..]),
            BinaryPrimitives.ReadInt16BigEndian(source[AttributesAt..]),
            BinaryPrimitives.ReadInt32BigEndian(source[LastOffsetDeltaAt..]),
            BinaryPrimitives.ReadInt64BigEndian(source[BaseTimestampAt..]),
            BinaryPrimitives.ReadInt64BigEndian(source[MaxTimestampAt..]),
            BinaryPrimitives.ReadInt64BigEndian(source[ProducerIdAt..]),
            BinaryPrimitives.ReadInt16BigEndian(source[ProducerEpochAt..]),
            BinaryPrimitives.ReadInt32BigEndian(source[BaseSequenceAt..]),
            BinaryPrimitives.ReadInt32BigEndian(source[RecordCountAt..]));
        return true;
    }

    /// <summary>
    /// Writes the header to the first <see cref="Size"/> bytes of <paramref name="destination"/>, <see cref="Crc"/> included
    /// as it is. Throws <see cref="ArgumentException"/> when there is less room.
    /// </summary>
    public void Write(Span<byte> destination)
    {
        if (destination.Length < Size)
        {
            throw new ArgumentException("There is no room for a record batch header.", nameof(destination));
        }

        BinaryPrimitives.WriteInt64BigEndian(destination[BaseOffsetAt..], BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(destination[LengthAt..], BatchLength);
        BinaryPrimitives.WriteInt32BigEndian(destination[LeaderEpochAt..], PartitionLeaderEpoch);
        destination[MagicAt] = Magic;
        BinaryPrimitives.WriteUInt32BigEndian(destination[CrcAt..], Crc);
        BinaryPrimitives.WriteInt16BigEndian(destination[AttributesAt..], Attributes);
        BinaryPrimitives.WriteInt32BigEndian(destination[LastOffsetDeltaAt..], LastOffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(destination[BaseTimestampAt..], BaseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(destination[MaxTimestampAt..], MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(destination[ProducerIdAt..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(destination[ProducerEpochAt..], ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(destination[BaseSequenceAt..], BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(destination[RecordCountAt..], RecordCount);
    }
}
