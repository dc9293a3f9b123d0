using System.Buffers.Binary;
using System.Text;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// Writes the fields of a frame: numbers with the least byte first, a text as its length in two bytes and its UTF-8. It throws when there
/// is no room; a text that is too long for its bound is cut.
/// </summary>
internal ref struct FrameWriter(Span<byte> room)
{
    /// <summary>The most bytes of a text, with its length.</summary>
    public const int MaxTextBytes = 2 + 1024;

    private readonly Span<byte> _room = room;
    private int _at;

    public readonly ReadOnlySpan<byte> Written => _room[.._at];

    public void Byte(byte value) => _room[_at++] = value;

    public void Short(short value)
    {
        BinaryPrimitives.WriteInt16LittleEndian(_room[_at..], value);
        _at += sizeof(short);
    }

    public void Int(int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(_room[_at..], value);
        _at += sizeof(int);
    }

    public void Long(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_room[_at..], value);
        _at += sizeof(long);
    }

    public void Text(string value)
    {
        var room = _room.Slice(_at + 2);
        var bytes = Encoding.UTF8.GetByteCount(value);
        if (bytes > MaxTextBytes - 2)
        {
            // At most three bytes a character.
            value = value[..((MaxTextBytes - 2) / 3)];
        }

        var length = Encoding.UTF8.GetBytes(value, room);
        BinaryPrimitives.WriteUInt16LittleEndian(_room[_at..], (ushort)length);
        _at += 2 + length;
    }
}
