using System.Buffers;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Finds the next valid batch behind damaged bytes: one that starts anywhere, passes its CRC and carries an offset that may
/// follow. It looks at every byte, so it is for damaged logs only.
/// </summary>
internal static class DamageSkipper
{
    private const int Chunk = 1024 * 1024, MagicAt = 16;

    /// <summary>
    /// Position of the first valid batch that starts in [<paramref name="from"/>, <paramref name="end"/>) and whose offsets lie
    /// in [<paramref name="minOffset"/>, <paramref name="limitOffset"/>); -1 when there is none.
    /// </summary>
    public static long FindNext(ILogFile file, long from, long end, long minOffset, long limitOffset)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(Chunk);
        try
        {
            while (end - from >= RecordBatchHeader.Size)
            {
                var length = file.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - from)), from);
                if (length < RecordBatchHeader.Size) return -1;
                var found = FindIn(file, buffer.AsSpan(0, length), from, end, minOffset, limitOffset);
                if (found >= 0) return found;
                from += length - RecordBatchHeader.Size + 1;
            }

            return -1;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static long FindIn(ILogFile file, ReadOnlySpan<byte> bytes, long at, long end, long minOffset, long limitOffset)
    {
        for (var i = 0; i + RecordBatchHeader.Size <= bytes.Length; i++)
        {
            // The magic byte is the cheapest thing to look for.
            var next = bytes[(i + MagicAt)..].IndexOf(RecordBatchHeader.CurrentMagic);
            if (next < 0) return -1;
            i += next;
            if (i + RecordBatchHeader.Size > bytes.Length) return -1;
            if (BatchCheck.Header(bytes[i..], end - at - i, out var header) != BatchFault.None
                || header.BaseOffset < minOffset || header.NextOffset > limitOffset)
                continue;
            using var scanner = new BatchScanner(file, at + i, at + i + header.SizeInBytes, verifyCrc: true);
            if (scanner.MoveNext()) return at + i;
        }

        return -1;
    }
}
