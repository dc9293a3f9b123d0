using System.Buffers.Binary;
using System.Text;

namespace OrleansLog.Kafka.Protocol;

/// <summary>
/// Reads the fields of one request in their order. Everything is checked against the end of the frame before it is touched, so
/// that a frame that lies about a length costs nothing. A flexible version has compact lengths and tagged fields; the caller sets
/// <see cref="IsFlexible"/> and reads both kinds by the same calls.
/// </summary>
internal ref struct KafkaReader
{
    private readonly Memory<byte> _frame;
    private readonly ReadOnlySpan<byte> _bytes;
    private int _at;

    /// <summary>Reads a frame from its first byte, the one after the size.</summary>
    public KafkaReader(Memory<byte> frame)
    {
        _frame = frame;
        _bytes = frame.Span;
        _at = 0;
    }

    /// <summary>Whether lengths are compact and tagged fields follow.</summary>
    public bool IsFlexible { get; set; }

    /// <summary>Bytes not read yet.</summary>
    public readonly int Remaining => _bytes.Length - _at;

    /// <summary>Reads a boolean.</summary>
    public bool ReadBoolean(string field) => Take(1, field)[0] != 0;

    /// <summary>Reads an int8.</summary>
    public sbyte ReadInt8(string field) => (sbyte)Take(1, field)[0];

    /// <summary>Reads an int16.</summary>
    public short ReadInt16(string field) => BinaryPrimitives.ReadInt16BigEndian(Take(2, field));

    /// <summary>Reads an int32.</summary>
    public int ReadInt32(string field) => BinaryPrimitives.ReadInt32BigEndian(Take(4, field));

    /// <summary>Reads an int64.</summary>
    public long ReadInt64(string field) => BinaryPrimitives.ReadInt64BigEndian(Take(8, field));

    /// <summary>Reads a uuid.</summary>
    public Guid ReadUuid(string field) => new(Take(16, field), bigEndian: true);

    /// <summary>Reads an unsigned varint.</summary>
    public uint ReadVarUInt(string field)
    {
        uint value = 0;
        for (var shift = 0; shift < 35; shift += 7)
        {
            var part = Take(1, field)[0];
            if (shift == 28 && part > 0x0f) break;
            value |= (uint)(part & 0x7f) << shift;
            if ((part & 0x80) == 0) return value;
        }

        throw new ProtocolException($"{field} is no unsigned varint of 32 bits.");
    }

    /// <summary>Reads a string that must not be null.</summary>
    public string ReadString(string field) =>
        ReadNullableString(field) ?? throw new ProtocolException($"{field} is null; it must be a string.");

    /// <summary>Reads a string or null.</summary>
    public string? ReadNullableString(string field)
    {
        var length = IsFlexible ? ReadCompactLength(field) : ReadInt16(field);
        return length < 0 ? null : Decode(Take(length, field), field);
    }

    /// <summary>Reads a string whose length is an int16 in every version, as the client id of the header is.</summary>
    public string? ReadHeaderString(string field)
    {
        int length = ReadInt16(field);
        return length < 0 ? null : Decode(Take(length, field), field);
    }

    /// <summary>Bytes of the frame itself, or null: valid as long as the frame is.</summary>
    public Memory<byte>? ReadNullableBytes(string field)
    {
        var length = IsFlexible ? ReadCompactLength(field) : ReadInt32(field);
        if (length < 0) return null;
        var start = _at;
        Take(length, field);
        return _frame.Slice(start, length);
    }

    /// <summary>Bytes of the frame itself: valid as long as the frame is.</summary>
    public Memory<byte> ReadBytes(string field) =>
        ReadNullableBytes(field) ?? throw new ProtocolException($"{field} is null; it must be bytes.");

    /// <summary>
    /// Reads the length of an array; -1 for null. A length that the rest of the frame cannot hold, at one byte for each element,
    /// is refused, so that room may be made for the elements at once.
    /// </summary>
    public int ReadNullableArrayLength(string field)
    {
        var length = IsFlexible ? ReadCompactLength(field) : ReadInt32(field);
        if (length > Remaining)
            throw new ProtocolException($"{field} is to have {length} elements, but only {Remaining} bytes are left of the request.");
        return Math.Max(-1, length);
    }

    /// <summary>Reads the length of an array that must not be null.</summary>
    public int ReadArrayLength(string field)
    {
        var length = ReadNullableArrayLength(field);
        return length >= 0 ? length : throw new ProtocolException($"{field} is null; it must be an array.");
    }

    /// <summary>Reads an array of int32 that must not be null.</summary>
    public int[] ReadInt32Array(string field) =>
        ReadNullableInt32Array(field) ?? throw new ProtocolException($"{field} is null; it must be an array.");

    /// <summary>Reads an array of int32 or null.</summary>
    public int[]? ReadNullableInt32Array(string field)
    {
        var length = ReadNullableArrayLength(field);
        if (length < 0) return null;
        var values = new int[length];
        for (var i = 0; i < values.Length; i++) values[i] = ReadInt32(field);
        return values;
    }

    /// <summary>Reads an array of strings that must not be null.</summary>
    public string[] ReadStringArray(string field)
    {
        var values = new string[ReadArrayLength(field)];
        for (var i = 0; i < values.Length; i++) values[i] = ReadString(field);
        return values;
    }

    /// <summary>Reads an array of strings or null.</summary>
    public string[]? ReadNullableStringArray(string field)
    {
        var length = ReadNullableArrayLength(field);
        if (length < 0) return null;
        var values = new string[length];
        for (var i = 0; i < values.Length; i++) values[i] = ReadString(field);
        return values;
    }

    /// <summary>Skips the tagged fields of a flexible version; does nothing in another.</summary>
    public void SkipTaggedFields()
    {
        if (!IsFlexible) return;
        var count = ReadVarUInt("number of tagged fields");
        for (uint i = 0; i < count; i++)
        {
            ReadVarUInt("tag");
            var length = ReadVarUInt("length of a tagged field");
            if (length > Remaining) throw new ProtocolException($"A tagged field is to have {length} bytes, but {Remaining} are left.");
            Take((int)length, "tagged field");
        }
    }

    /// <summary>A compact length is one more than the length, 0 for null.</summary>
    private int ReadCompactLength(string field)
    {
        var value = ReadVarUInt(field);
        if (value > int.MaxValue) throw new ProtocolException($"{field} is to be {value - 1} long.");
        return (int)value - 1;
    }

    private static string Decode(ReadOnlySpan<byte> bytes, string field)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new ProtocolException($"{field} is not UTF-8.");
        }
    }

    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> Take(int count, string field)
    {
        if (count < 0 || count > Remaining)
            throw new ProtocolException($"{field} needs {count} bytes, but {Remaining} are left of the request.");
        var taken = _bytes.Slice(_at, count);
        _at += count;
        return taken;
    }
}
