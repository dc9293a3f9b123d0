using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>How much of what was read may be served.</summary>
/// <param name="Length">Bytes of whole, valid batches from the start; 0 for none.</param>
/// <param name="NextOffset">The offset after them.</param>
/// <param name="Needed">With none: bytes that the first batch has, when it is longer than what was read.</param>
/// <param name="IsBeyondLimit">With none: whether the first batch ends after the last offset that may be read.</param>
internal readonly record struct ReadWalk(int Length, long NextOffset, int Needed, bool IsBeyondLimit)
{
    /// <summary>Walks over bytes that start with a batch.</summary>
    /// <param name="bytes">What was read.</param>
    /// <param name="available">Bytes that the segment has from there on.</param>
    /// <param name="exactOffset">What the first base offset must be; -1 when it has been checked.</param>
    /// <param name="maxBytes">Most bytes to serve, but one batch at least.</param>
    /// <param name="upToOffset">The end of what may be read, exclusive.</param>
    /// <param name="limitOffset">Base offset of the next segment.</param>
    public static ReadWalk Over(
        ReadOnlySpan<byte> bytes, int available, long exactOffset, int maxBytes, long upToOffset, long limitOffset)
    {
        var at = 0;
        var expected = exactOffset;
        while (BatchCheck.Header(bytes[at..], available - at, out var header) == BatchFault.None)
        {
            var size = (int)header.SizeInBytes;
            if (at > 0 && at + size > maxBytes) break;
            if (at > 0 && header.NextOffset > upToOffset) break;
            if (size > bytes.Length - at)
            {
                if (at == 0) return new ReadWalk(0, 0, size, false);
                break;
            }

            var mustFit = expected >= 0 && header.BaseOffset != expected;
            if (mustFit && (at == 0 || header.BaseOffset < expected || !FitsNext(bytes[(at + size)..], available - at - size, header)))
                break;
            if (header.NextOffset > limitOffset || !RecordBatch.IsCrcValid(bytes.Slice(at, size))) break;
            // Only for the first: what a header says of its end is worth something once its CRC is right.
            if (header.NextOffset > upToOffset) return new ReadWalk(0, 0, 0, true);
            at += size;
            expected = header.NextOffset;
        }

        return new ReadWalk(at, expected, 0, false);
    }

    // A gap is believed when the batch behind it agrees; when that one is not at hand, the next read decides.
    private static bool FitsNext(ReadOnlySpan<byte> rest, int available, in RecordBatchHeader header) =>
        available == 0
        || (BatchCheck.Header(rest, available, out var next) == BatchFault.None && next.BaseOffset >= header.NextOffset);
}
