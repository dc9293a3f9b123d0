using System.Buffers;
using System.Text.Json;

namespace OrleansLog.Client;

internal sealed class JsonRecordSerializer<T>(JsonSerializerOptions? options) : RecordSerializer<T>
{
    [ThreadStatic]
    private static Utf8JsonWriter? _writer;

    public override void Serialize(T value, IBufferWriter<byte> output)
    {
        var writer = _writer ??= new Utf8JsonWriter(Stream.Null, new JsonWriterOptions { SkipValidation = true });
        writer.Reset(output);
        try
        {
            JsonSerializer.Serialize(writer, value, options);
            writer.Flush();
        }
        finally
        {
            writer.Reset(Stream.Null);
        }
    }

    public override T Deserialize(ReadOnlyMemory<byte> data, bool isNull) =>
        isNull ? default! : JsonSerializer.Deserialize<T>(data.Span, options)!;
}

internal sealed class OrleansRecordSerializer<T>(Orleans.Serialization.Serializer<T> serializer) : RecordSerializer<T>
{
    public override void Serialize(T value, IBufferWriter<byte> output) => serializer.Serialize(value, output);

    public override T Deserialize(ReadOnlyMemory<byte> data, bool isNull) => isNull ? default! : serializer.Deserialize(data)!;
}

internal sealed class DelegateSerializer<T>(
    Action<T, IBufferWriter<byte>> serialize, Func<ReadOnlyMemory<byte>, T> deserialize) : RecordSerializer<T>
{
    public override void Serialize(T value, IBufferWriter<byte> output) => serialize(value, output);

    public override T Deserialize(ReadOnlyMemory<byte> data, bool isNull) => isNull ? default! : deserialize(data);
}
