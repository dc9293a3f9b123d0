using System.Buffers.Binary;

namespace OrleansLog.Engine.Storage;

/// <summary>One entry of the time index: no record up to the offset (relative to the segment's base) is younger than the timestamp.</summary>
internal readonly record struct TimeIndexEntry(long TimestampMs, int RelativeOffset);

/// <summary>
/// Which timestamps a segment reaches by which offset: 12-byte entries, the timestamp as big-endian int64 and the last offset
/// of the batch that carries it as int32. The format is Kafka's; the last entry of a closed segment holds its greatest timestamp.
/// </summary>
internal sealed class TimeIndex(IFileSystem fileSystem, string directory, long baseOffset)
    : SegmentIndex<TimeIndexEntry>(fileSystem, directory, baseOffset, LogFileNames.TimeIndex)
{
    public const int BytesPerEntry = 12;

    protected override int EntrySize => BytesPerEntry;

    /// <summary>Adds an entry unless the index has reached that timestamp already.</summary>
    public void AddIfLater(long timestampMs, long offset)
    {
        if (timestampMs < 0 || !TryGet(int.MaxValue, out var entries)) return;
        if (entries.Length > 0 && entries[^1].TimestampMs >= timestampMs) return;
        Add(new TimeIndexEntry(timestampMs, checked((int)(offset - BaseOffset))));
    }

    /// <summary>Number of entries whose timestamp is below <paramref name="timestampMs"/>.</summary>
    public static int CountBelow(ReadOnlySpan<TimeIndexEntry> entries, long timestampMs) =>
        timestampMs > 0 ? CountUpTo(entries, timestampMs - 1, static entry => entry.TimestampMs) : 0; // none is negative

    /// <summary>Number of entries whose offset is at most <paramref name="relativeOffset"/>.</summary>
    public static int CountUpTo(ReadOnlySpan<TimeIndexEntry> entries, long relativeOffset) =>
        CountUpTo(entries, relativeOffset, static entry => entry.RelativeOffset);

    protected override TimeIndexEntry Decode(ReadOnlySpan<byte> source) =>
        new(BinaryPrimitives.ReadInt64BigEndian(source), BinaryPrimitives.ReadInt32BigEndian(source[8..]));

    protected override void Encode(in TimeIndexEntry entry, Span<byte> target)
    {
        BinaryPrimitives.WriteInt64BigEndian(target, entry.TimestampMs);
        BinaryPrimitives.WriteInt32BigEndian(target[8..], entry.RelativeOffset);
    }

    protected override bool MayFollow(in TimeIndexEntry previous, in TimeIndexEntry entry, bool isFirst, int logSize) =>
        entry.RelativeOffset >= 0 && entry.TimestampMs >= 0
        && (isFirst
            ? entry.TimestampMs > 0 || entry.RelativeOffset > 0
            : entry.TimestampMs > previous.TimestampMs && entry.RelativeOffset >= previous.RelativeOffset);
}
