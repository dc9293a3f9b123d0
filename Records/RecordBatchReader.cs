using OrleansLog.Records.Codecs;
using static System.FormattableString;

namespace OrleansLog.Records;

/// <summary>
/// Reads the records of one batch in their order without copying them.
/// <para>
/// Memory: key, value and headers of a record are slices of the batch that was given when it is not compressed, and otherwise of
/// the memory it was decompressed into. That is an array of its own, which the records keep alive, or, with
/// <see cref="RecordBatchReaderOptions.UsePooledMemory"/>, pooled and gone with the next <see cref="Reset"/> or
/// <see cref="Dispose"/>.
/// </para>
/// <para>
/// Any bytes may be given: what is malformed is refused with <see cref="ErrorCode.CorruptMessage"/>, by the constructor,
/// <see cref="Reset"/> or <see cref="MoveNext"/>. Offsets come out strictly ascending and within the batch's own range.
/// One thread at a time.
/// </para>
/// </summary>
public sealed class RecordBatchReader : IDisposable
{
    private readonly RecordBatchReaderOptions _options;
    private PooledBuffer? _pooled;
    private ReadOnlyMemory<byte> _batch, _records;
    private RecordBatchHeader _header;
    private bool _open;
    private int _position, _read, _lastOffsetDelta;
    private Record _current;

    /// <summary>Makes a reader without a batch; call <see cref="Reset"/> first.</summary>
    public RecordBatchReader(RecordBatchReaderOptions? options = null)
    {
        _options = options ?? RecordBatchReaderOptions.Default;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.MaxDecompressedBytes, nameof(options));
    }

    /// <summary>Makes a reader of the batch at the start of <paramref name="batch"/>.</summary>
    /// <exception cref="OrleansLogException">See <see cref="Reset"/>.</exception>
    public RecordBatchReader(ReadOnlyMemory<byte> batch, RecordBatchReaderOptions? options = null) : this(options) => Reset(batch);

    /// <summary>The header of the batch.</summary>
    public RecordBatchHeader Header => _header;

    /// <summary>The record reached by <see cref="MoveNext"/>.</summary>
    public ref readonly Record Current => ref _current;

    /// <summary>
    /// Turns to the batch at the start of <paramref name="batch"/>. Takes back the pooled memory of the batch before, if any.
    /// </summary>
    /// <exception cref="OrleansLogException">
    /// <see cref="ErrorCode.CorruptMessage"/>: the header is malformed, the batch is cut off, or its CRC was to be checked and does
    /// not match; <see cref="ErrorCode.UnsupportedForMessageFormat"/>; <see cref="ErrorCode.UnsupportedCompressionType"/>.
    /// </exception>
    public void Reset(ReadOnlyMemory<byte> batch)
    {
        Close();
        var header = RecordBatch.ReadHeader(batch.Span);
        batch = batch[..(int)header.SizeInBytes];
        if (_options.CheckCrc) RecordBatch.CheckCrc(batch.Span, header);
        _header = header;
        _batch = batch;
    }

    /// <summary>
    /// Moves to the next record; false after the last. The first call decompresses the batch.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.CorruptMessage"/>.</exception>
    public bool MoveNext()
    {
        if (!_open) Open();
        var source = _records.Span;
        var start = _position;
        if (_read == _header.RecordCount)
        {
            if (start != source.Length) Refuse.Corrupt($"{source.Length - start} bytes follow the last record of {BatchName}.");
            return false;
        }

        var position = start;
        if (!Varint.TryRead(source, ref position, out int length) || (uint)length > (uint)(source.Length - position)) throw Malformed(start);
        var end = position + length;
        source = source[..end];
        position++; // the record's attributes, which mean nothing so far
        if (!Varint.TryRead(source, ref position, out long timestampDelta)
            || !Varint.TryRead(source, ref position, out int offsetDelta)
            || !Varint.TryRead(source, ref position, out int keyLength)
            || keyLength < -1 || keyLength > end - position) throw Malformed(start);
        var keyAt = position;
        position += Math.Max(keyLength, 0);
        if (!Varint.TryRead(source, ref position, out int valueLength)
            || valueLength < -1 || valueLength > end - position) throw Malformed(start);
        var valueAt = position;
        position += Math.Max(valueLength, 0);
        if (!Varint.TryRead(source, ref position, out int headerCount)) throw Malformed(start);
        if ((headerCount | (end - position)) != 0) CheckHeaders(source[position..], headerCount, start);
        if (offsetDelta <= _lastOffsetDelta || offsetDelta > _header.LastOffsetDelta) throw OffsetOutOfOrder(offsetDelta);

        _lastOffsetDelta = offsetDelta;
        _read++;
        _position = end;
        _current = new Record(
            _records,
            _header.BaseOffset + offsetDelta,
            _header.TimestampType == TimestampType.LogAppendTime ? _header.MaxTimestamp : _header.BaseTimestamp + timestampDelta,
            start, keyAt, keyLength, valueAt, valueLength, position, end - position, headerCount);
        return true;
    }

    /// <summary>Lets go of the batch, and of pooled memory; records read from that may no longer be used.</summary>
    public void Dispose() => Close();

    private string BatchName => Invariant($"the batch at offset {_header.BaseOffset}");

    private void Open()
    {
        var body = _batch[RecordBatchHeader.Size..];
        if (_header.Compression == CompressionType.None) _records = body;
        else if (_header.RecordCount > 0) _records = Decompress(body.Span);
        _open = true;
    }

    private ReadOnlyMemory<byte> Decompress(ReadOnlySpan<byte> body)
    {
        var buffer = new PooledBuffer(_options.MaxDecompressedBytes);
        try
        {
            Codec.Decompress(_header.Compression, body, buffer);
            RecordBatch.CheckCount(_header, buffer.Length);
            if (!_options.UsePooledMemory) return buffer.Written.ToArray();
            _pooled = buffer;
            return buffer.Array.AsMemory(0, buffer.Length);
        }
        finally
        {
            if (_pooled != buffer) buffer.Dispose();
        }
    }

    private void CheckHeaders(ReadOnlySpan<byte> source, int count, int start)
    {
        // a header takes at least two bytes, so the count is bounded before the walk
        if (count < 0 || count > source.Length / 2 || !RecordHeaders.IsWellFormed(source, count)) throw Malformed(start);
    }

    private OrleansLogException Malformed(int start) => new(
        ErrorCode.CorruptMessage,
        Invariant($"Record {_read} of {_header.RecordCount} in {BatchName} is malformed, at byte {start} of {_records.Length}."));

    private OrleansLogException OffsetOutOfOrder(int delta) => new(
        ErrorCode.CorruptMessage,
        Invariant($"Record {_read} in {BatchName} has offset delta {delta}, not above {_lastOffsetDelta} and up to {_header.LastOffsetDelta}."));

    private void Close()
    {
        _pooled?.Dispose();
        _pooled = null;
        _batch = _records = default;
        _header = default;
        _current = default;
        _open = false;
        _position = _read = 0;
        _lastOffsetDelta = -1;
    }
}
