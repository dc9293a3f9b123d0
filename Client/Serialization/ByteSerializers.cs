using System.Buffers;
using System.Text;

namespace OrleansLog.Client;

internal sealed class MemorySerializer(bool copy) : RecordSerializer<ReadOnlyMemory<byte>>
{
    public override bool IsNull(ReadOnlyMemory<byte> value) => false;

    public override void Serialize(ReadOnlyMemory<byte> value, IBufferWriter<byte> output) => output.Write(value.Span);

    public override bool TryGetBytes(ReadOnlyMemory<byte> value, out ReadOnlyMemory<byte> bytes)
    {
        bytes = value;
        return true;
    }

    public override ReadOnlyMemory<byte> Deserialize(ReadOnlyMemory<byte> data, bool isNull) => copy ? data.ToArray() : data;
}

internal sealed class ByteArraySerializer : RecordSerializer<byte[]?>
{
    public override void Serialize(byte[]? value, IBufferWriter<byte> output) => output.Write(value);

    public override bool TryGetBytes(byte[]? value, out ReadOnlyMemory<byte> bytes)
    {
        bytes = value;
        return true;
    }

    public override byte[]? Deserialize(ReadOnlyMemory<byte> data, bool isNull) => isNull ? null : data.ToArray();
}

internal sealed class TextSerializer : RecordSerializer<string?>
{
    public override void Serialize(string? value, IBufferWriter<byte> output) => Encoding.UTF8.GetBytes(value, output);

    public override string? Deserialize(ReadOnlyMemory<byte> data, bool isNull) =>
        isNull ? null : Encoding.UTF8.GetString(data.Span);
}

internal sealed class NoKeySerializer : RecordSerializer<NoKey>
{
    public override bool IsNull(NoKey value) => true;

    public override void Serialize(NoKey value, IBufferWriter<byte> output) { }

    public override NoKey Deserialize(ReadOnlyMemory<byte> data, bool isNull) => default;
}
