using System.Buffers.Binary;
using System.Text;

namespace OrleansLog.Engine.Groups.Log;

/// <summary>Reads fields one after the other; once one does not fit into the bytes left, all are empty and
/// <see cref="Failed"/> is set.</summary>
internal ref struct FieldReader(ReadOnlySpan<byte> source)
{
    private ReadOnlySpan<byte> _rest = source;

    public bool Failed { get; private set; }

    public byte Byte() => Take(1) is [var value] ? value : (byte)0;

    public short Int16() => Take(2) is { Length: 2 } bytes ? BinaryPrimitives.ReadInt16BigEndian(bytes) : (short)0;

    public int Int32() => Take(4) is { Length: 4 } bytes ? BinaryPrimitives.ReadInt32BigEndian(bytes) : 0;

    public long Int64() => Take(8) is { Length: 8 } bytes ? BinaryPrimitives.ReadInt64BigEndian(bytes) : 0;

    public Guid Uuid() => Take(16) is { Length: 16 } bytes ? new Guid(bytes, bigEndian: true) : Guid.Empty;

    public string String() => Encoding.UTF8.GetString(Take(Int16()));

    /// <summary>Null for the length -1.</summary>
    public string? NullableString()
    {
        var length = Int16();
        return length == -1 ? null : Encoding.UTF8.GetString(Take(length));
    }

    public string? CompactString()
    {
        var length = UnsignedVarint();
        return length == 0 ? null : Encoding.UTF8.GetString(Take((int)Math.Min(length - 1, int.MaxValue)));
    }

    public byte[] Bytes() => Take(Int32()).ToArray();

    public byte[] CompactBytes() => Take((int)Math.Min(Math.Max(UnsignedVarint() - 1, 0), int.MaxValue)).ToArray();

    /// <summary>The number of elements that follow in the old encoding, as far as the bytes left can hold them.</summary>
    public int OldArrayLength(int minElementSize)
    {
        var length = Int32();
        if (length >= 0 && (long)length * minElementSize <= _rest.Length) return length;
        Failed = true;
        return 0;
    }

    /// <summary>The number of elements that follow (0 for null), as far as the bytes left can hold them.</summary>
    public int ArrayLength(int minElementSize)
    {
        var length = UnsignedVarint();
        if (length == 0) return 0;
        if ((length - 1) * minElementSize <= _rest.Length) return (int)(length - 1);
        Failed = true;
        return 0;
    }

    public void SkipTags()
    {
        var count = UnsignedVarint();
        for (long i = 0; i < count && !Failed; i++)
        {
            UnsignedVarint();
            Take((int)Math.Min(UnsignedVarint(), int.MaxValue));
        }
    }

    private long UnsignedVarint()
    {
        long value = 0;
        for (var shift = 0; shift <= 28; shift += 7)
        {
            var next = Byte();
            if (Failed) return 0;
            value |= (long)(next & 0x7f) << shift;
            if (next < 0x80) return value;
        }

        Failed = true;
        return 0;
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (Failed || count < 0 || count > _rest.Length)
        {
            Failed = true;
            return default;
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
