using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace OrleansLog.Grains.Interfaces.Serialization;

/// <summary>
/// Writes <see cref="RecordBytes"/> as their length and the bytes themselves, and reads them into rented memory. Rented bytes
/// go back to the pool as soon as they are written: the sender of a response hears nothing of it later.
/// </summary>
[RegisterSerializer]
public sealed class RecordBytesCodec : IFieldCodec<RecordBytes>
{
    /// <summary>Largest length that is accepted from the wire, in bytes: Orleans' own bound of a message body.</summary>
    public const int MaxLength = 100 * 1024 * 1024;

    /// <inheritdoc />
    public void WriteField<TBufferWriter>(
        ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, RecordBytes? value)
        where TBufferWriter : System.Buffers.IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(RecordBytes), WireType.LengthPrefixed);
        writer.WriteVarUInt32((uint)value.Length);
        var segments = value.Segments;
        if (segments.IsEmpty)
        {
            writer.Write(value.Memory.Span);
        }
        else
        {
            foreach (var segment in segments) writer.Write(segment.Span);
        }

        if (value.IsRented) value.Dispose();
    }

    /// <inheritdoc />
    public RecordBytes? ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.WireType == WireType.Reference) return ReferenceCodec.ReadReference<RecordBytes, TInput>(ref reader, field);
        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        var length = reader.ReadVarUInt32();
        if (length > MaxLength)
            throw new InvalidOperationException($"A run of record batches of {length} bytes exceeds the bound of {MaxLength} bytes.");
        var result = RecordBytes.Rent((int)length);
        reader.ReadBytes(result.Memory.Span);
        return result;
    }
}

/// <summary>Within a process the bytes are handed over, not copied.</summary>
[RegisterCopier]
public sealed class RecordBytesCopier : ShallowCopier<RecordBytes>;
