using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups.Log;

/// <summary>Writes the fields of a record: integers big-endian, strings and arrays in the old or the flexible encoding.</summary>
internal static class FieldWriter
{
    public static void WriteInt16(IBufferWriter<byte> output, short value)
    {
        BinaryPrimitives.WriteInt16BigEndian(output.GetSpan(2), value);
        output.Advance(2);
    }

    public static void WriteInt32(IBufferWriter<byte> output, int value)
    {
        BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(4), value);
        output.Advance(4);
    }

    public static void WriteInt64(IBufferWriter<byte> output, long value)
    {
        BinaryPrimitives.WriteInt64BigEndian(output.GetSpan(8), value);
        output.Advance(8);
    }

    public static void WriteUuid(IBufferWriter<byte> output, Guid value)
    {
        value.TryWriteBytes(output.GetSpan(16), bigEndian: true, out _);
        output.Advance(16);
    }

    public static void WriteString(IBufferWriter<byte> output, string value)
    {
        var length = Encoding.UTF8.GetByteCount(value);
        if (length > short.MaxValue)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRequest, $"A string of {length} bytes is too long for a group record; at most {short.MaxValue} fit.");
        }

        WriteInt16(output, (short)length);
        WriteUtf8(output, value, length);
    }

    public static void WriteNullableString(IBufferWriter<byte> output, string? value)
    {
        if (value is null) WriteInt16(output, -1);
        else WriteString(output, value);
    }

    public static void WriteBytes(IBufferWriter<byte> output, ReadOnlySpan<byte> value)
    {
        WriteInt32(output, value.Length);
        output.Write(value);
    }

    public static void WriteCompactString(IBufferWriter<byte> output, string? value)
    {
        var length = value is null ? -1 : Encoding.UTF8.GetByteCount(value);
        WriteArrayLength(output, length);
        if (length > 0) WriteUtf8(output, value!, length);
    }

    private static void WriteUtf8(IBufferWriter<byte> output, string value, int length)
    {
        Encoding.UTF8.GetBytes(value, output.GetSpan(length));
        output.Advance(length);
    }

    /// <summary>A length in the flexible encoding: one more than it is, so that 0 means null.</summary>
    public static void WriteArrayLength(IBufferWriter<byte> output, int length)
    {
        var rest = (uint)(length + 1);
        var span = output.GetSpan(5);
        var at = 0;
        for (; rest >= 0x80; rest >>= 7) span[at++] = (byte)(rest | 0x80);
        span[at++] = (byte)rest;
        output.Advance(at);
    }

    public static void WriteNoTags(IBufferWriter<byte> output)
    {
        output.GetSpan(1)[0] = 0;
        output.Advance(1);
    }
}
