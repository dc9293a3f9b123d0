using System.Buffers;
using System.Buffers.Binary;
using OrleansLog.Records;

namespace OrleansLog.Client;

internal static class FixedSize
{
    public static ReadOnlySpan<byte> Require(ReadOnlyMemory<byte> data, bool isNull, int size, string type)
    {
        if (isNull) throw new OrleansLogException(ErrorCode.InvalidRecord, $"A null cannot be read as {type}; use its nullable form.");
        return data.Length == size
            ? data.Span
            : throw new OrleansLogException(
                ErrorCode.InvalidRecord, $"{data.Length} bytes cannot be read as {type}, which has {size} bytes.");
    }
}

internal sealed class Int32Serializer : RecordSerializer<int>
{
    public override bool IsNull(int value) => false;

    public override void Serialize(int value, IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(sizeof(int)), value);
        output.Advance(sizeof(int));
    }

    public override int Deserialize(ReadOnlyMemory<byte> data, bool isNull) =>
        BinaryPrimitives.ReadInt32BigEndian(FixedSize.Require(data, isNull, sizeof(int), "a 32-bit integer"));
}

internal sealed class Int64Serializer : RecordSerializer<long>
{
    public override bool IsNull(long value) => false;

    public override void Serialize(long value, IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteInt64BigEndian(output.GetSpan(sizeof(long)), value);
        output.Advance(sizeof(long));
    }

    public override long Deserialize(ReadOnlyMemory<byte> data, bool isNull) =>
        BinaryPrimitives.ReadInt64BigEndian(FixedSize.Require(data, isNull, sizeof(long), "a 64-bit integer"));
}

internal sealed class DoubleSerializer : RecordSerializer<double>
{
    public override bool IsNull(double value) => false;

    public override void Serialize(double value, IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteDoubleBigEndian(output.GetSpan(sizeof(double)), value);
        output.Advance(sizeof(double));
    }

    public override double Deserialize(ReadOnlyMemory<byte> data, bool isNull) =>
        BinaryPrimitives.ReadDoubleBigEndian(FixedSize.Require(data, isNull, sizeof(double), "a double"));
}

internal sealed class GuidSerializer : RecordSerializer<Guid>
{
    private const int Size = 16;

    public override bool IsNull(Guid value) => false;

    public override void Serialize(Guid value, IBufferWriter<byte> output)
    {
        value.TryWriteBytes(output.GetSpan(Size), bigEndian: true, out _);
        output.Advance(Size);
    }

    public override Guid Deserialize(ReadOnlyMemory<byte> data, bool isNull) =>
        new(FixedSize.Require(data, isNull, Size, "a UUID"), bigEndian: true);
}

internal sealed class NullableSerializer<T>(RecordSerializer<T> inner) : RecordSerializer<T?>
    where T : struct
{
    public override bool IsNull(T? value) => value is null;

    public override void Serialize(T? value, IBufferWriter<byte> output) => inner.Serialize(value!.Value, output);

    public override bool TryGetBytes(T? value, out ReadOnlyMemory<byte> bytes) => inner.TryGetBytes(value!.Value, out bytes);

    public override T? Deserialize(ReadOnlyMemory<byte> data, bool isNull) => isNull ? null : inner.Deserialize(data, isNull);
}
