using System.Buffers.Binary;

namespace OrleansLog.Engine.Storage;

/// <summary>One entry of the offset index: the last offset of a batch, less the segment's base, and where the batch starts.</summary>
internal readonly record struct OffsetIndexEntry(int RelativeOffset, int Position);

/// <summary>
/// Where in a segment batches start: 8-byte entries, the relative offset and the position as big-endian int32, strictly
/// ascending in both. The format is Kafka's.
/// </summary>
internal sealed class OffsetIndex(IFileSystem fileSystem, string directory, long baseOffset)
    : SegmentIndex<OffsetIndexEntry>(fileSystem, directory, baseOffset, LogFileNames.OffsetIndex)
{
    public const int BytesPerEntry = 8;

    protected override int EntrySize => BytesPerEntry;

    /// <summary>Number of entries whose offset is at most <paramref name="relativeOffset"/>; the one before that number is the floor.</summary>
    public static int CountUpTo(ReadOnlySpan<OffsetIndexEntry> entries, long relativeOffset) =>
        CountUpTo(entries, relativeOffset, static entry => entry.RelativeOffset);

    /// <summary>Adds an entry unless the index reaches as far, or it is of the batch at the very start, which has none.</summary>
    public void AddIfLater(in OffsetIndexEntry entry)
    {
        if (entry.Position > 0 && (Count == 0 || Last.Position < entry.Position)) Add(entry);
    }

    /// <summary>The last entry of the file, whether or not the log has what it points at; null when there is none.</summary>
    public OffsetIndexEntry? ReadLast()
    {
        Span<byte> bytes = stackalloc byte[BytesPerEntry];
        if (!TryReadLast(bytes)) return null;
        var last = Decode(bytes);
        return last is { RelativeOffset: >= 0, Position: > 0 } ? last : null;
    }

    protected override OffsetIndexEntry Decode(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadInt32BigEndian(source), BinaryPrimitives.ReadInt32BigEndian(source[4..]));

    protected override void Encode(in OffsetIndexEntry entry, Span<byte> target)
    {
        BinaryPrimitives.WriteInt32BigEndian(target, entry.RelativeOffset);
        BinaryPrimitives.WriteInt32BigEndian(target[4..], entry.Position);
    }

    protected override bool IsBehind(in OffsetIndexEntry entry, int logSize) => entry.RelativeOffset >= 0 && entry.Position >= logSize;

    protected override bool MayFollow(in OffsetIndexEntry previous, in OffsetIndexEntry entry, bool isFirst, int logSize) =>
        entry.RelativeOffset >= 0 && entry.Position > 0 && entry.Position < logSize
        && (isFirst || (entry.RelativeOffset > previous.RelativeOffset && entry.Position > previous.Position));
}
