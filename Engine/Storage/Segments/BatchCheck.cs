using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>What can be told of a stored batch without decoding its records.</summary>
internal static class BatchCheck
{
    private const int SmallestLength = RecordBatchHeader.Size - RecordBatchHeader.LogOverhead;

    /// <summary>
    /// Judges the header at the start of <paramref name="source"/> when the log has <paramref name="available"/> bytes from
    /// there on; <see cref="BatchFault.None"/> when a whole batch may be there.
    /// </summary>
    public static BatchFault Header(ReadOnlySpan<byte> source, long available, out RecordBatchHeader header)
    {
        if (available == 0)
        {
            header = default;
            return BatchFault.EndOfLog;
        }

        if (!RecordBatchHeader.TryRead(source, out header))
            return source.ContainsAnyExcept((byte)0) ? BatchFault.Incomplete : BatchFault.Zeros;
        if (header.Magic != RecordBatchHeader.CurrentMagic || header.BatchLength < SmallestLength || header.BaseOffset < 0
            || header.LastOffsetDelta < 0 || header.RecordCount < 0 || header.BaseOffset > long.MaxValue - int.MaxValue)
            return source[..RecordBatchHeader.Size].ContainsAnyExcept((byte)0) ? BatchFault.BadHeader : BatchFault.Zeros;
        return header.SizeInBytes > available ? BatchFault.Incomplete : BatchFault.None;
    }
}
