using System.Buffers;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// Bytes of record batches on their way through a grain call, without a copy that can be spared. There are two kinds:
/// <list type="bullet">
/// <item><b>borrowed</b>: the caller's own memory, which stays the caller's; it must not change until the call has returned,
/// except that the leader of a partition called in the same process writes offsets, leader epoch and append time into it;</item>
/// <item><b>rented</b>: memory of the shared pool that belongs to whoever holds this object last: the receiver of a call,
/// which disposes of it. One that is sent to another process goes back to the pool once it has been written to the
/// connection.</item>
/// </list>
/// Not thread-safe; an object that is never disposed of is left to the garbage collector.
/// </summary>
public sealed class RecordBytes : IDisposable
{
    private readonly int _length;
    private ReadOnlyMemory<byte>[]? _segments;
    private Memory<byte> _memory;
    private byte[]? _rented;
    private bool _disposed;

    private RecordBytes(Memory<byte> memory, byte[]? rented)
    {
        _memory = memory;
        _rented = rented;
        _length = memory.Length;
    }

    private RecordBytes(ReadOnlyMemory<byte>[] segments)
    {
        _segments = segments;
        foreach (var segment in segments) _length = checked(_length + segment.Length);
    }

    /// <summary>No bytes. Disposing of it does nothing.</summary>
    public static RecordBytes Empty { get; } = new(default, null);

    /// <summary>How many bytes there are.</summary>
    public int Length => _length;

    /// <summary>Whether the memory is of the shared pool, and so returned to it by <see cref="Dispose"/>.</summary>
    public bool IsRented => _rented is not null;

    /// <summary>
    /// All bytes in one piece, writable for the partition's leader alone. Bytes that were borrowed in several pieces are copied
    /// into rented memory the first time.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The memory went back to the pool.</exception>
    public Memory<byte> Memory
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _segments is null ? _memory : Join();
        }
    }

    /// <summary>Borrows one piece of memory; see the class for how long.</summary>
    public static RecordBytes Borrow(Memory<byte> memory) => memory.IsEmpty ? Empty : new(memory, null);

    /// <summary>Borrows several pieces of memory that make up one run of batches; see the class for how long.</summary>
    public static RecordBytes Borrow(ReadOnlyMemory<byte>[] segments)
    {
        ArgumentNullException.ThrowIfNull(segments);
        return new RecordBytes(segments);
    }

    /// <summary>Rents <paramref name="length"/> bytes, to be filled by way of <see cref="Memory"/>.</summary>
    public static RecordBytes Rent(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length == 0) return Empty;
        var array = ArrayPool<byte>.Shared.Rent(length);
        return new RecordBytes(array.AsMemory(0, length), array);
    }

    /// <summary>
    /// Takes over an array rented from the shared pool, of which the first <paramref name="length"/> bytes count.
    /// </summary>
    public static RecordBytes Own(byte[] rented, int length)
    {
        ArgumentNullException.ThrowIfNull(rented);
        return new RecordBytes(rented.AsMemory(0, length), rented);
    }

    /// <summary>Returns rented memory to the pool; borrowed memory is left alone.</summary>
    public void Dispose()
    {
        if (_disposed || ReferenceEquals(this, Empty)) return;
        _disposed = true;
        if (Interlocked.Exchange(ref _rented, null) is { } array) ArrayPool<byte>.Shared.Return(array);
        _memory = default;
        _segments = null;
    }

    internal ReadOnlySpan<ReadOnlyMemory<byte>> Segments
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _segments;
        }
    }

    private Memory<byte> Join()
    {
        var array = ArrayPool<byte>.Shared.Rent(_length);
        var at = 0;
        foreach (var segment in _segments!)
        {
            segment.Span.CopyTo(array.AsSpan(at));
            at += segment.Length;
        }

        _rented = array;
        _segments = null;
        _memory = array.AsMemory(0, _length);
        return _memory;
    }
}
