using System.Buffers;
using OrleansLog.Client;

namespace OrleansLog.Cli.Input;

/// <summary>A key or value: bytes, or null. It borrows the memory of whoever made it.</summary>
/// <param name="Memory">The bytes; empty for null.</param>
/// <param name="HasValue">Whether it is not null; it may be empty all the same.</param>
internal readonly record struct NullableBytes(ReadOnlyMemory<byte> Memory, bool HasValue)
{
    /// <summary>Bytes that are not null.</summary>
    public static NullableBytes Of(ReadOnlyMemory<byte> memory) => new(memory, HasValue: true);
}

/// <summary>Passes bytes through as they are, and keeps null and empty apart. What is read is valid until the next record.</summary>
internal sealed class NullableBytesSerializer : RecordSerializer<NullableBytes>
{
    /// <summary>The one instance; it has no state.</summary>
    public static NullableBytesSerializer Instance { get; } = new();

    /// <inheritdoc/>
    public override bool IsNull(NullableBytes value) => !value.HasValue;

    /// <inheritdoc/>
    public override void Serialize(NullableBytes value, IBufferWriter<byte> output) => output.Write(value.Memory.Span);

    /// <inheritdoc/>
    public override bool TryGetBytes(NullableBytes value, out ReadOnlyMemory<byte> bytes)
    {
        bytes = value.Memory;
        return true;
    }

    /// <inheritdoc/>
    public override NullableBytes Deserialize(ReadOnlyMemory<byte> data, bool isNull) => new(data, !isNull);
}
