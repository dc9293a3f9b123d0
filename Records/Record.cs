namespace OrleansLog.Records;

/// <summary>
/// A record read from a batch. It copies nothing: key, value and headers are slices of the batch's memory, or of the memory
/// that its records were decompressed into, and are valid as long as that is (see <see cref="RecordBatchReader"/>).
/// </summary>
#pragma warning disable CA1815 // compared by nobody; two equal records at different offsets are different records
public readonly struct Record
#pragma warning restore CA1815
{
    private readonly ReadOnlyMemory<byte> _records;
    private readonly int _keyAt, _keyLength, _valueAt, _valueLength, _headersAt, _headersLength, _headerCount;

    internal Record(
        ReadOnlyMemory<byte> records, long offset, long timestampMs, int start, int keyAt, int keyLength, int valueAt,
        int valueLength, int headersAt, int headersLength, int headerCount)
    {
        _records = records;
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

    /// <summary>Length of the key; -1 without one.</summary>
    internal int KeyLength => _keyLength;

    /// <summary>The encoded record from the key's bytes on.</summary>
    internal ReadOnlyMemory<byte> FromKey => _records[_keyAt..(_headersAt + _headersLength)];

    /// <summary>Its offset in the partition.</summary>
    public long Offset { get; }

    /// <summary>
    /// Its timestamp in milliseconds since the Unix epoch, -1 for none; in a batch of log append time, that of the batch.
    /// </summary>
    public long TimestampMs { get; }

    /// <summary>Bytes that it takes in the batch, uncompressed and with its length prefix.</summary>
    public int SizeInBytes { get; }

    /// <summary>Whether it has a key, be it empty.</summary>
    public bool HasKey => _keyLength >= 0;

    /// <summary>The key; empty without one.</summary>
    public ReadOnlyMemory<byte> Key => _keyLength > 0 ? _records.Slice(_keyAt, _keyLength) : default;

    /// <summary>Whether it has a value, be it empty. In a compacted topic a record without one deletes its key.</summary>
    public bool HasValue => _valueLength >= 0;

    /// <summary>The value; empty without one.</summary>
    public ReadOnlyMemory<byte> Value => _valueLength > 0 ? _records.Slice(_valueAt, _valueLength) : default;

    /// <summary>The headers, decoded when enumerated.</summary>
    public RecordHeaders Headers => new(_records.Slice(_headersAt, _headersLength), _headerCount);
}
