using System.Buffers.Binary;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The commit journal on disk: rounds, one after the other, each written at once and padded to <see cref="Alignment"/> bytes. All numbers
/// are big-endian.
/// <code>
/// round  0 magic "OLJ1"   4 CRC-32C of all that follows, without the padding   8 number of the round   16 bytes of entries
/// entry  0 kind   1 0   2 bytes of the topic's name   4 partition   8 topic id   24 base offset of the segment
///        32 position in it   36 bytes of batches   40 the topic's name, the batches
/// </code>
/// The number of a round is one more than that of the round before it; whatever is behind the last one is of an earlier use of the file.
/// </summary>
internal static class JournalFormat
{
    public const int Alignment = 512;
    public const int RoundHeaderSize = 20;
    public const int EntryHeaderSize = 40;
    public const uint Magic = 0x4F4C4A31;

    /// <summary>The longest that the entries of a round may be; no reader believes more.</summary>
    public const int MaxBodyBytes = 4 * 1024 * 1024;

    private const int CrcStart = 8;

    public static int Padded(int bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    public static int SizeOf(JournalLog log, int bytes) => EntryHeaderSize + Encoding.UTF8.GetByteCount(log.Partition.Topic) + bytes;

    /// <summary>Writes the head of an entry; the batches go into the rest of it, which is answered.</summary>
    public static Span<byte> WriteEntry(
        Span<byte> entry, JournalEntryKind kind, JournalLog log, long segmentBaseOffset, int position, int bytes)
    {
        var name = Encoding.UTF8.GetBytes(log.Partition.Topic, entry[EntryHeaderSize..]);
        entry[0] = (byte)kind;
        entry[1] = 0;
        BinaryPrimitives.WriteUInt16BigEndian(entry[2..], (ushort)name);
        BinaryPrimitives.WriteInt32BigEndian(entry[4..], log.Partition.Partition);
        log.TopicId.TryWriteBytes(entry[8..], bigEndian: true, out _);
        BinaryPrimitives.WriteInt64BigEndian(entry[24..], segmentBaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(entry[32..], position);
        BinaryPrimitives.WriteInt32BigEndian(entry[36..], bytes);
        return entry.Slice(EntryHeaderSize + name, bytes);
    }

    /// <summary>Completes a round whose entries are in place.</summary>
    public static void WriteRoundHeader(Span<byte> round, long number)
    {
        BinaryPrimitives.WriteUInt32BigEndian(round, Magic);
        BinaryPrimitives.WriteInt64BigEndian(round[8..], number);
        BinaryPrimitives.WriteInt32BigEndian(round[16..], round.Length - RoundHeaderSize);
        BinaryPrimitives.WriteUInt32BigEndian(round[4..], Crc32C.Compute(round[CrcStart..]));
    }

    /// <summary>The number and the whole of the round that the bytes begin with; false when there is none, or not all of it.</summary>
    public static bool TryReadRound(ReadOnlySpan<byte> bytes, out long number, out int length)
    {
        (number, length) = (0, 0);
        if (bytes.Length < RoundHeaderSize || BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic) return false;
        var body = BinaryPrimitives.ReadInt32BigEndian(bytes[16..]);
        if (body is <= 0 or > MaxBodyBytes || body > bytes.Length - RoundHeaderSize) return false;
        length = RoundHeaderSize + body;
        number = BinaryPrimitives.ReadInt64BigEndian(bytes[8..]);
        return number > 0 && Crc32C.Compute(bytes[CrcStart..length]) == BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
    }

    /// <summary>The entry that the bytes begin with, and how long it is. Its round's CRC was right: what does not parse is of a later version.</summary>
    /// <exception cref="IOException">It is of no kind that is known here.</exception>
    public static JournalEntry ReadEntry(ReadOnlySpan<byte> bytes, out int length)
    {
        var kind = bytes.Length < EntryHeaderSize ? default : (JournalEntryKind)bytes[0];
        if (kind is not (JournalEntryKind.Batches or JournalEntryKind.Void))
            throw new IOException("The commit journal holds an entry that this version does not know.");
        var name = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        var count = BinaryPrimitives.ReadInt32BigEndian(bytes[36..]);
        length = EntryHeaderSize + name + count;
        if (count < 0 || length > bytes.Length) throw new IOException("The commit journal holds an entry that is longer than its round.");
        var partition = new TopicPartition(
            Encoding.UTF8.GetString(bytes.Slice(EntryHeaderSize, name)), BinaryPrimitives.ReadInt32BigEndian(bytes[4..]));
        return new JournalEntry(
            kind,
            partition,
            new Guid(bytes.Slice(8, 16), bigEndian: true),
            BinaryPrimitives.ReadInt64BigEndian(bytes[24..]),
            BinaryPrimitives.ReadInt32BigEndian(bytes[32..]),
            bytes.Slice(EntryHeaderSize + name, count).ToArray());
    }
}
