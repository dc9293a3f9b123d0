using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Tests.Kafka;

/// <summary>The body of a response, read field by field; unlike the reader it lives as long as it is wanted.</summary>
internal sealed class KafkaResponse(byte[] bytes, bool isFlexible, bool hasTaggedHeader)
{
    private int _at = hasTaggedHeader ? 1 : 0;

    public bool Boolean() => Read((ref KafkaReader reader) => reader.ReadBoolean("boolean"));

    public sbyte Int8() => Read((ref KafkaReader reader) => reader.ReadInt8("int8"));

    public short Int16() => Read((ref KafkaReader reader) => reader.ReadInt16("int16"));

    public ErrorCode Error() => (ErrorCode)Int16();

    public int Int32() => Read((ref KafkaReader reader) => reader.ReadInt32("int32"));

    public long Int64() => Read((ref KafkaReader reader) => reader.ReadInt64("int64"));

    public Guid Uuid() => Read((ref KafkaReader reader) => reader.ReadUuid("uuid"));

    public string? Text() => Read((ref KafkaReader reader) => reader.ReadNullableString("string"));

    public byte[]? Bytes() => Read((ref KafkaReader reader) => reader.ReadNullableBytes("bytes")?.ToArray());

    public int ArrayLength() => Read((ref KafkaReader reader) => reader.ReadNullableArrayLength("array"));

    public int[] Int32Array() => Read((ref KafkaReader reader) => reader.ReadInt32Array("array"));

    public KafkaResponse Tags()
    {
        Read((ref KafkaReader reader) =>
        {
            reader.SkipTaggedFields();
            return 0;
        });
        return this;
    }

    /// <summary>Whether everything has been read.</summary>
    public bool IsAtEnd => _at == bytes.Length;

    private delegate T Reading<T>(ref KafkaReader reader);

    private T Read<T>(Reading<T> read)
    {
        var reader = new KafkaReader(bytes.AsMemory(_at)) { IsFlexible = isFlexible };
        var value = read(ref reader);
        _at = bytes.Length - reader.Remaining;
        return value;
    }
}
