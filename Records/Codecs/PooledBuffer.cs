using System.Buffers;

namespace OrleansLog.Records.Codecs;

/// <summary>
/// A byte buffer that grows in an array of the shared pool up to a bound. Reusable, not thread-safe; <see cref="Dispose"/>
/// returns the array, after which nothing taken from <see cref="Written"/> may be used. With a scan, what was written is checked
/// each time before it grows.
/// </summary>
internal sealed class PooledBuffer(int maxBytes, RecordScan? scan = null) : IDisposable
{
    private const int SmallestArray = 256;
    private byte[] _array = [];

    /// <summary>The most bytes that it takes.</summary>
    public int MaxBytes { get; } = maxBytes;

    /// <summary>Bytes written so far.</summary>
    public int Length { get; private set; }

    /// <summary>The array behind it: the first <see cref="Length"/> bytes are written. Changes when the buffer grows.</summary>
    public byte[] Array => _array;

    /// <summary>What was written; valid until the buffer grows or is disposed.</summary>
    public Span<byte> Written => _array.AsSpan(0, Length);

    /// <summary>
    /// Room for at least <paramref name="bytes"/> more. Throws <see cref="ErrorCode.CorruptMessage"/> past
    /// <see cref="MaxBytes"/>: only decompression of foreign bytes comes near it.
    /// </summary>
    public Span<byte> Reserve(int bytes)
    {
        if (bytes > _array.Length - Length) Grow(bytes);
        return _array.AsSpan(Length, Math.Min(_array.Length, MaxBytes) - Length);
    }

    /// <summary>Takes the first <paramref name="bytes"/> of what <see cref="Reserve"/> gave.</summary>
    public void Advance(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)(_array.Length - Length), nameof(bytes));
        Length += bytes;
    }

    /// <summary>Forgets what was written and keeps the array.</summary>
    public void Clear() => Length = 0;

    /// <inheritdoc />
    public void Dispose()
    {
        var array = _array;
        _array = [];
        Length = 0;
        if (array.Length > 0) ArrayPool<byte>.Shared.Return(array);
    }

    private void Grow(int bytes)
    {
        scan?.Check(Written);
        var needed = (long)Length + bytes;
        if (needed > MaxBytes)
        {
            throw Fault.Corrupt($"The records of a batch take {needed} bytes or more uncompressed; {MaxBytes} are allowed.");
        }

        var wanted = Math.Min(Math.Max(Math.Max(needed, SmallestArray), 2L * _array.Length), Math.Max(MaxBytes, SmallestArray));
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(wanted, System.Array.MaxLength));
        Written.CopyTo(larger);
        if (_array.Length > 0) ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
