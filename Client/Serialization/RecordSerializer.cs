using System.Buffers;

namespace OrleansLog.Client;

/// <summary>
/// Turns keys or values into bytes and back. Derive from it for a format of your own, or use <see cref="Serializers.Custom"/>.
/// An implementation is called from several threads at once.
/// </summary>
public abstract class RecordSerializer<T>
{
    /// <summary>Whether <paramref name="value"/> is written as null: no key, or a tombstone as a value.</summary>
    public virtual bool IsNull(T value) => value is null;

    /// <summary>Writes a value that is not null. What it throws reaches the caller who produces the record.</summary>
    public abstract void Serialize(T value, IBufferWriter<byte> output);

    /// <summary>
    /// Gives the bytes without writing them, if the value is bytes already; the caller reads them before it returns to the one who
    /// passed the value.
    /// </summary>
    public virtual bool TryGetBytes(T value, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        return false;
    }

    /// <summary>
    /// Reads a value. The memory is valid during the call only: an implementation that keeps bytes copies them.
    /// </summary>
    /// <param name="data">The bytes; empty for null.</param>
    /// <param name="isNull">Whether the key or value is null rather than empty.</param>
    public abstract T Deserialize(ReadOnlyMemory<byte> data, bool isNull);
}
