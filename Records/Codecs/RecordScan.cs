namespace OrleansLog.Records.Codecs;

/// <summary>
/// Follows the length prefixes of records while they are still being decompressed, so that a stream that does not hold what its
/// batch claims is given up early instead of at the bound on memory. Not thread-safe.
/// </summary>
internal sealed class RecordScan(int recordCount)
{
    private int _seen, _next;

    /// <summary>Looks at all that is decompressed so far. Throws <see cref="ErrorCode.CorruptMessage"/>.</summary>
    public void Check(ReadOnlySpan<byte> records)
    {
        while (_seen < recordCount && records.Length - _next >= Varint.MaxInt32Size)
        {
            var position = _next;
            if (!Varint.TryRead(records, ref position, out int length) || length < RecordBatch.MinRecordSize - 1
                || (long)position + length > int.MaxValue)
            {
                throw Fault.Corrupt($"The length of compressed record {_seen} of {recordCount} is malformed.");
            }

            _next = position + length;
            _seen++;
            if (_next >= records.Length) break;
        }

        if (_seen == recordCount && _next < records.Length)
        {
            throw Fault.Corrupt($"The {recordCount} compressed records of a batch end at byte {_next}, but more bytes follow.");
        }
    }
}
