namespace OrleansLog.Records;

/// <summary>
/// A record read from a batch. It copies nothing: key, value and headers are slices of the batch's memory, or of the memory
/// that its records were decompressed into, and are valid as long as that is (see <see cref="RecordBatchReader"/>).
/// </summary>
#pragma warning disable CA1815 // compared by nobody; two equal records at different offsets are different records
public struct Record
#pragma warning restore CA1815
{
    private ReadOnlyMemory<byte> _records;
    private int _keyAt, _keyLength, _valueAt, _valueLength, _headersAt, _headersLength, _headerCount;

    // The reader's own record is moved on in place: to make and to copy one of this size costs as much as to decode it.
    internal void MoveTo(
        long offset, long timestampMs, int start, int keyAt, int keyLength, int valueAt, int valueLength, int headersAt,
        int headersLength, int headerCount)
    {
        Offset = offset;
        TimestampMs = timestampMs;
        _keyAt = keyAt;
        _keyLength = keyLength;
        _valueAt = valueAt;
        _valueLength = valueLength;
        _headersAt = headersAt;
        _headersLength = headersLength;
        _headerCount = headerCount;
        SizeInBytes = headersAt + headersLength - start;
    }

    internal void SetMemory(ReadOnlyMemory<byte> records) => _records = records;

    /// <summary>Length of the key; -1 without one.</summary>
    internal readonly int KeyLength => _keyLength;

    /// <summary>The encoded record from the key's bytes on.</summary>
    internal readonly ReadOnlyMemory<byte> FromKey => _records[_keyAt..(_headersAt + _headersLength)];

    /// <summary>Its offset in the partition.</summary>
    public long Offset { readonly get; private set; }

    /// <summary>
    /// Its timestamp in milliseconds since the Unix epoch, -1 for none; in a batch of log append time, that of the batch.
    /// </summary>
    public long TimestampMs { readonly get; private set; }

    /// <summary>Bytes that it takes in the batch, uncompressed and with its length prefix.</summary>
    public int SizeInBytes { readonly get; private set; }

    /// <summary>Whether it has a key, be it empty.</summary>
    public readonly bool HasKey => _keyLength >= 0;

    /// <summary>The key; empty without one.</summary>
    public readonly ReadOnlyMemory<byte> Key => _keyLength > 0 ? _records.Slice(_keyAt, _keyLength) : default;

    /// <summary>Whether it has a value, be it empty. In a compacted topic a record without one deletes its key.</summary>
    public readonly bool HasValue => _valueLength >= 0;

    /// <summary>The value; empty without one.</summary>
    public readonly ReadOnlyMemory<byte> Value => _valueLength > 0 ? _records.Slice(_valueAt, _valueLength) : default;

    /// <summary>The headers, decoded when enumerated.</summary>
    public readonly RecordHeaders Headers => new(_records.Slice(_headersAt, _headersLength), _headerCount);

    /// <summary>The record as it is encoded, with its length prefix.</summary>
    internal readonly ReadOnlyMemory<byte> Encoded => _records.Slice(_headersAt + _headersLength - SizeInBytes, SizeInBytes);
}
