using System.Buffers;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Whole batches read from a log, in memory of the shared pool that belongs to this object until <see cref="Dispose"/> or
/// <see cref="Detach"/>. Not thread-safe.
/// </summary>
public sealed class LogRead : IDisposable
{
    private byte[]? _buffer;
    private readonly int _length;

    internal LogRead(byte[]? buffer, int length, long nextOffset)
    {
        _buffer = buffer;
        _length = length;
        NextOffset = nextOffset;
    }

    /// <summary>The batches, one after the other; the first may begin before the offset asked for. Empty at the end of the log.</summary>
    /// <exception cref="ObjectDisposedException">The memory is gone.</exception>
    public ReadOnlyMemory<byte> Memory
    {
        get
        {
            if (_length == 0) return default;
            ObjectDisposedException.ThrowIf(_buffer is null, this);
            return _buffer.AsMemory(0, _length);
        }
    }

    /// <summary>How many bytes there are.</summary>
    public int Length => _length;

    /// <summary>The offset to go on with; the one asked for when nothing was read.</summary>
    public long NextOffset { get; }

    /// <summary>
    /// Hands the memory over: an array of the shared pool whose first <see cref="Length"/> bytes count, to be returned there by
    /// the caller; null when nothing was read.
    /// </summary>
    public byte[]? Detach() => Interlocked.Exchange(ref _buffer, null);

    /// <summary>Returns the memory to the pool.</summary>
    public void Dispose()
    {
        if (Detach() is { } buffer) ArrayPool<byte>.Shared.Return(buffer);
    }

    internal static LogRead Empty(long offset) => new(null, 0, offset);
}
