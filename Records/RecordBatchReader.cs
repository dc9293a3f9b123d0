using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using OrleansLog.Records.Codecs;

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
    private byte[]? _array;
    private int _arrayStart, _arrayLength;
    private bool _open, _logAppendTime;
    private int _position, _read, _lastOffsetDelta;
    private Record _current;

    /// <summary>Makes a reader without a batch, and so without records, until <see cref="Reset"/>.</summary>
    public RecordBatchReader(RecordBatchReaderOptions? options = null)
    {
        _options = options ?? RecordBatchReaderOptions.Default;
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.MaxDecompressedBytes, nameof(options));
    }

    /// <summary>Makes a reader of the batch at the start of <paramref name="batch"/>.</summary>
    /// <exception cref="OrleansLogException">See <see cref="Reset"/>.</exception>
    public RecordBatchReader(ReadOnlyMemory<byte> batch, RecordBatchReaderOptions? options = null)
        : this(options) => Reset(batch);

    /// <summary>The header of the batch.</summary>
    public RecordBatchHeader Header => _header;

    /// <summary>The record reached by <see cref="MoveNext"/>.</summary>
    public ref readonly Record Current => ref _current;

    /// <summary>
    /// Turns to the batch at the start of <paramref name="batch"/>. Takes back the pooled memory of the batch before, if any.
    /// </summary>
    /// <exception cref="OrleansLogException">
    /// <see cref="ErrorCode.CorruptMessage"/>: the header is malformed, the batch is cut off, or its CRC was to be checked and
    /// does not match; <see cref="ErrorCode.UnsupportedForMessageFormat"/>; <see cref="ErrorCode.UnsupportedCompressionType"/>.
    /// </exception>
    public void Reset(ReadOnlyMemory<byte> batch)
    {
        if (TryReset(batch) is { } fault) throw fault;
    }

    /// <summary>Turns to another batch and hands a fault on instead of throwing it; then there is no batch to read.</summary>
    internal OrleansLogException? TryReset(ReadOnlyMemory<byte> batch)
    {
        Close();
        var fault = RecordBatch.ReadHeader(batch.Span, out var header)
            ?? (_options.CheckCrc ? RecordBatch.CrcFault(batch.Span, header) : null);
        if (fault is not null) return fault;
        batch = batch[..(int)header.SizeInBytes];
        _header = header;
        _logAppendTime = header.TimestampType == TimestampType.LogAppendTime;
        _batch = batch;
        return null;
    }

    /// <summary>
    /// Moves to the next record; false after the last. The first call decompresses the batch.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.CorruptMessage"/>.</exception>
    public bool MoveNext()
    {
        var moved = TryMoveNext(out var fault);
        if (fault is not null) throw fault;
        return moved;
    }

    /// <summary>Moves to the next record and hands a fault on instead of throwing it (but for those of a codec).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryMoveNext(out OrleansLogException? fault)
    {
        fault = null;
        if (!_open) Open();
        var source = _array is null ? _records.Span : MemoryMarshal.CreateReadOnlySpan(
            ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(_array), _arrayStart), _arrayLength);
        var start = _position;
        if (_read == _header.RecordCount)
        {
            if (start != source.Length) fault = Trailing(source.Length - start);
            return false;
        }

        var position = start;
        if (!Varint.TryRead(source, ref position, out int length)
            || (uint)length > (uint)(source.Length - position)) goto malformed;
        var end = position + length;
        source = source[..end];
        position++; // the record's attributes, which mean nothing so far
        if (!Varint.TryRead(source, ref position, out long timestampDelta)
            || !Varint.TryRead(source, ref position, out int offsetDelta)
            || !Varint.TryRead(source, ref position, out int keyLength)
            || keyLength < -1 || keyLength > end - position) goto malformed;
        var keyAt = position;
        position += Math.Max(keyLength, 0);
        if (!Varint.TryRead(source, ref position, out int valueLength)
            || valueLength < -1 || valueLength > end - position) goto malformed;
        var valueAt = position;
        position += Math.Max(valueLength, 0);
        if (!Varint.TryRead(source, ref position, out int headerCount)
            || ((headerCount | (end - position)) != 0 && !HasHeaders(source[position..], headerCount))) goto malformed;
        if (offsetDelta <= _lastOffsetDelta || offsetDelta > _header.LastOffsetDelta)
        {
            fault = OffsetOutOfOrder(offsetDelta);
            return false;
        }

        _lastOffsetDelta = offsetDelta;
        _read++;
        _position = end;
        _current.MoveTo(
            _header.BaseOffset + offsetDelta, _logAppendTime ? _header.MaxTimestamp : _header.BaseTimestamp + timestampDelta,
            start, keyAt, keyLength, valueAt, valueLength, position, end - position, headerCount);
        return true;

    malformed:
        fault = Malformed(start);
        return false;
    }

    /// <summary>Lets go of the batch, and of pooled memory; records read from that may no longer be used.</summary>
    public void Dispose() => Close();

    private void Open()
    {
        var body = _batch.IsEmpty ? _batch : _batch[RecordBatchHeader.Size..];
        if (_header.Compression == CompressionType.None) _records = body;
        else if (_header.RecordCount > 0) _records = Decompress(body.Span);
        if (MemoryMarshal.TryGetArray(_records, out var segment))
        {
            _array = segment.Array;
            _arrayStart = segment.Offset;
            _arrayLength = segment.Count;
        }

        _current.SetMemory(_records);
        _open = true;
    }

    private ReadOnlyMemory<byte> Decompress(ReadOnlySpan<byte> body)
    {
        var buffer = new PooledBuffer(_options.MaxDecompressedBytes, new RecordScan(_header.RecordCount));
        try
        {
            Codec.Decompress(_header.Compression, body, buffer);
            if (RecordBatch.CountFault(_header, buffer.Length) is { } fault) throw fault;
            if (!_options.UsePooledMemory) return buffer.Written.ToArray();
            _pooled = buffer;
            return buffer.Array.AsMemory(0, buffer.Length);
        }
        finally
        {
            if (_pooled != buffer) buffer.Dispose();
        }
    }

    // A header takes at least two bytes, so the count is bounded before the walk.
    private static bool HasHeaders(ReadOnlySpan<byte> source, int count) =>
        count >= 0 && count <= source.Length / 2 && RecordHeaders.IsWellFormed(source, count);

    private OrleansLogException Malformed(int start) => Fault.Corrupt(
        $"Record {_read} of {_header.RecordCount} in the batch at offset {_header.BaseOffset} is malformed, at byte {start}.");

    private OrleansLogException OffsetOutOfOrder(int delta) => Fault.Corrupt(
        $"Record {_read} in the batch at offset {_header.BaseOffset} has offset delta {delta} after {_lastOffsetDelta}.");

    private OrleansLogException Trailing(int bytes) => Fault.Corrupt(
        $"{bytes} bytes follow the last record in the batch at offset {_header.BaseOffset}.");

    private void Close()
    {
        _pooled?.Dispose();
        _pooled = null;
        _batch = _records = default;
        _array = null;
        _header = default;
        _current = default;
        _open = false;
        _position = _read = 0;
        _lastOffsetDelta = -1;
    }
}
