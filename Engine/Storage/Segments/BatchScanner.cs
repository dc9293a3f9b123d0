using System.Buffers;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Walks the batches of a segment's file in order, header by header or with their CRCs, in bounded memory (a chunk, or the
/// largest batch if that is more). Stops at the first fault and says where and which. One thread; the file may be appended to
/// beyond the end given.
/// </summary>
internal sealed class BatchScanner : IDisposable
{
    private const int HeaderChunk = 16 * 1024, WholeChunk = 512 * 1024;
    private readonly ILogFile _file;
    private readonly long _end;
    private readonly bool _verify;
    private byte[] _buffer;
    private long _bufferAt;
    private int _bufferLength;

    /// <summary>Scans the bytes from <paramref name="start"/> to <paramref name="end"/>.</summary>
    public BatchScanner(ILogFile file, long start, long end, bool verifyCrc)
    {
        _file = file;
        _end = end;
        _verify = verifyCrc;
        NextPosition = start;
        _bufferAt = start;
        _buffer = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(end - start, 1024, verifyCrc ? WholeChunk : HeaderChunk));
    }

    /// <summary>Where the current batch starts; after a fault, where the faulty one does.</summary>
    public long Position { get; private set; }

    /// <summary>Where the next batch starts.</summary>
    public long NextPosition { get; private set; }

    /// <summary>Header of the current batch; after a fault, what could be read of it.</summary>
    public RecordBatchHeader Header { get; private set; }

    /// <summary>Why the scan stopped.</summary>
    public BatchFault Fault { get; private set; }

    /// <summary>Bytes of the current batch, only in a scan that verifies; valid until the next move.</summary>
    public ReadOnlySpan<byte> Batch => _buffer.AsSpan((int)(Position - _bufferAt), (int)Header.SizeInBytes);

    /// <summary>Bytes of the current batch, writable, so that a rewritten header can be put back.</summary>
    public Memory<byte> BatchMemory => _buffer.AsMemory((int)(Position - _bufferAt), (int)Header.SizeInBytes);

    /// <summary>Goes to the next batch; false at the end or at a fault.</summary>
    public bool MoveNext()
    {
        if (Fault != BatchFault.None) return false;
        Position = NextPosition;
        var available = _end - Position;
        Fault = BatchCheck.Header(Ensure((int)Math.Min(RecordBatchHeader.Size, available)), available, out var header);
        Header = header;
        if (Fault != BatchFault.None) return false;
        if (_verify)
        {
            var batch = Ensure((int)header.SizeInBytes);
            if (batch.Length < header.SizeInBytes) Fault = BatchFault.Incomplete;
            else if (!RecordBatch.IsCrcValid(batch)) Fault = BatchFault.BadCrc;
            if (Fault != BatchFault.None) return false;
        }

        NextPosition = Position + header.SizeInBytes;
        return true;
    }

    /// <summary>Returns the buffer to the pool.</summary>
    public void Dispose()
    {
        if (_buffer.Length == 0) return;
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    // The bytes at Position, `count` of them unless the file ends earlier.
    private ReadOnlySpan<byte> Ensure(int count)
    {
        var at = (int)Math.Min(Position - _bufferAt, _bufferLength);
        if (Position - _bufferAt > _bufferLength || _bufferLength - at < count) at = Fill(count);
        return _buffer.AsSpan(at, Math.Min(count, _bufferLength - at));
    }

    private int Fill(int count)
    {
        if (count > _buffer.Length)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = ArrayPool<byte>.Shared.Rent(count);
        }

        _bufferAt = Position;
        _bufferLength = _file.Read(_buffer.AsSpan(0, (int)Math.Min(_buffer.Length, _end - Position)), Position);
        return 0;
    }
}
