using System.Buffers;

namespace OrleansLog.Cli.Consume;

/// <summary>Gathers output until it is worth a write. Not thread-safe. It grows to the largest record and shrinks again.</summary>
internal sealed class OutputBuffer : IBufferWriter<byte>
{
    private const int UsualBytes = 512 * 1024;
    private byte[] _bytes = new byte[UsualBytes];
    private int _length;

    /// <summary>Bytes gathered.</summary>
    public int Length => _length;

    /// <summary>What was gathered; valid until <see cref="Clear"/> or the next append.</summary>
    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    /// <inheritdoc/>
    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _bytes.Length - _length);
        _length += count;
    }

    /// <inheritdoc/>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsMemory(_length);
    }

    /// <inheritdoc/>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _bytes.AsSpan(_length);
    }

    /// <summary>Appends bytes.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (_bytes.Length - _length < bytes.Length)
            Reserve(bytes.Length);
        bytes.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    /// <summary>Appends a byte.</summary>
    public void Append(byte value)
    {
        if (_length == _bytes.Length)
            Reserve(1);
        _bytes[_length++] = value;
    }

    /// <summary>Appends a number in decimal.</summary>
    public void Append(long value)
    {
        const int Longest = 20;
        Reserve(Longest);
        value.TryFormat(_bytes.AsSpan(_length), out var written);
        _length += written;
    }

    /// <summary>Forgets everything, and gives back what an unusually large record took.</summary>
    public void Clear()
    {
        _length = 0;
        if (_bytes.Length > 8 * UsualBytes)
            _bytes = new byte[UsualBytes];
    }

    private void Reserve(int count)
    {
        count = Math.Max(count, 1);
        if (_bytes.Length - _length >= count)
            return;
        var wanted = Math.Max((long)_length + count, Math.Min(_bytes.Length * 2L, Array.MaxLength));
        if (wanted > Array.MaxLength)
            throw new IOException($"A record's output is larger than {Array.MaxLength} bytes.");
        Array.Resize(ref _bytes, (int)wanted);
    }
}
