using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;

namespace OrleansLog.Client;

/// <summary>The serializers that come with the client. Numbers are big-endian, as Kafka's own serializers write them.</summary>
public static class Serializers
{
    /// <summary>Bytes. What is read is a copy that may be kept. Never null: a null is read as empty.</summary>
    public static RecordSerializer<ReadOnlyMemory<byte>> Bytes { get; } = new MemorySerializer(copy: true);

    /// <summary>
    /// Bytes without a copy: what is read points into the consumer's buffer and is valid only until the enumeration moves to the
    /// next record. Never null: a null is read as empty.
    /// </summary>
    public static RecordSerializer<ReadOnlyMemory<byte>> BorrowedBytes { get; } = new MemorySerializer(copy: false);

    /// <summary>Bytes or null.</summary>
    public static RecordSerializer<byte[]?> ByteArray { get; } = new ByteArraySerializer();

    /// <summary>UTF-8 text or null. Bytes that are no UTF-8 are read as U+FFFD.</summary>
    public static RecordSerializer<string?> Text { get; } = new TextSerializer();

    /// <summary>A 32-bit integer, 4 bytes.</summary>
    public static RecordSerializer<int> Int32 { get; } = new Int32Serializer();

    /// <summary>A 64-bit integer, 8 bytes.</summary>
    public static RecordSerializer<long> Int64 { get; } = new Int64Serializer();

    /// <summary>A 64-bit floating-point number, 8 bytes.</summary>
    public static RecordSerializer<double> Double { get; } = new DoubleSerializer();

    /// <summary>A UUID: 16 bytes in the order in which it is written.</summary>
    public static RecordSerializer<Guid> Guid { get; } = new GuidSerializer();

    /// <summary>Always null.</summary>
    public static RecordSerializer<NoKey> None { get; } = new NoKeySerializer();

    /// <summary>JSON by System.Text.Json. A null is written as null, not as the text <c>null</c>.</summary>
    public static RecordSerializer<T> Json<T>(JsonSerializerOptions? options = null) => new JsonRecordSerializer<T>(options);

    /// <summary>Orleans' own format.</summary>
    public static RecordSerializer<T> Orleans<T>(global::Orleans.Serialization.Serializer<T> serializer) =>
        new OrleansRecordSerializer<T>(serializer);

    /// <summary>A format of your own.</summary>
    /// <param name="serialize">Writes a value that is not null.</param>
    /// <param name="deserialize">Reads bytes that are valid during the call only; a null is read as the default value.</param>
    public static RecordSerializer<T> Custom<T>(
        Action<T, IBufferWriter<byte>> serialize, Func<ReadOnlyMemory<byte>, T> deserialize) =>
        new DelegateSerializer<T>(serialize, deserialize);

    /// <summary>
    /// The serializer of a type for which none is given: those above for bytes, text, numbers and UUIDs (or their nullable forms);
    /// Orleans' format for a type that Orleans can serialize by generated code, where there is an Orleans serializer at hand.
    /// </summary>
    /// <exception cref="ArgumentException">There is none for the type.</exception>
    internal static RecordSerializer<T> For<T>(IServiceProvider? services)
    {
        object? known = typeof(T) switch
        {
            var t when t == typeof(ReadOnlyMemory<byte>) => Bytes,
            var t when t == typeof(byte[]) => ByteArray,
            var t when t == typeof(string) => Text,
            var t when t == typeof(int) => Int32,
            var t when t == typeof(long) => Int64,
            var t when t == typeof(double) => Double,
            var t when t == typeof(Guid) => Guid,
            var t when t == typeof(NoKey) => None,
            var t when t == typeof(int?) => new NullableSerializer<int>(Int32),
            var t when t == typeof(long?) => new NullableSerializer<long>(Int64),
            var t when t == typeof(double?) => new NullableSerializer<double>(Double),
            var t when t == typeof(Guid?) => new NullableSerializer<Guid>(Guid),
            var t when t == typeof(ReadOnlyMemory<byte>?) => new NullableSerializer<ReadOnlyMemory<byte>>(Bytes),
            _ => null,
        };
        if (known is RecordSerializer<T> serializer) return serializer;
        if (typeof(T).IsDefined(typeof(GenerateSerializerAttribute), inherit: false)
            && services?.GetService<global::Orleans.Serialization.Serializer<T>>() is { } orleans)
            return Orleans(orleans);
        throw new ArgumentException(
            $"There is no default serializer for {typeof(T)}. Set one in the options: Serializers.Json<{typeof(T).Name}>(), " +
            "Serializers.Orleans(...), Serializers.Custom(...), or a class of your own.");
    }
}
