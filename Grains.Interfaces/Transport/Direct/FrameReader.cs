using System.Buffers.Binary;
using System.Text;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>Reads the fields that <see cref="FrameWriter"/> wrote. Throws <see cref="InvalidDataException"/> at what is not of that form.</summary>
internal ref struct FrameReader
{
    private ReadOnlySpan<byte> _rest;

    /// <summary>Begins to read a frame of a kind, which its first byte names.</summary>
    public FrameReader(ReadOnlySpan<byte> frame, byte kind)
    {
        if (frame.IsEmpty || frame[0] != kind)
            throw new InvalidDataException($"A frame of kind {(frame.IsEmpty ? -1 : frame[0])} came where {kind} was due.");
        _rest = frame[1..];
    }

    /// <summary>How many bytes have not been read.</summary>
    public readonly int Left => _rest.Length;

    public byte Byte() => Take(1)[0];

    public short Short() => BinaryPrimitives.ReadInt16LittleEndian(Take(sizeof(short)));

    public int Int() => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int)));

    public long Long() => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long)));

    public string Text() => Encoding.UTF8.GetString(Take(BinaryPrimitives.ReadUInt16LittleEndian(Take(2))));

    private ReadOnlySpan<byte> Take(int length)
    {
        if ((uint)length > (uint)_rest.Length) throw new InvalidDataException($"A frame ends {length - _rest.Length} bytes early.");
        var taken = _rest[..length];
        _rest = _rest[length..];
        return taken;
    }
}
