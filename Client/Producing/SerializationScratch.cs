using System.Buffers;

namespace OrleansLog.Client;

/// <summary>A thread's own room to serialize one key and one value into, before they are copied to a batch.</summary>
internal sealed class SerializationScratch
{
    /// <summary>A buffer that grew beyond this for a large record is not kept.</summary>
    private const int LargestKept = 1024 * 1024;

    [ThreadStatic]
    private static SerializationScratch? _current;

    public static SerializationScratch Current => _current ??= new SerializationScratch();

    public ArrayBufferWriter<byte> Key { get; private set; } = new(256);

    public ArrayBufferWriter<byte> Value { get; private set; } = new(1024);

    public void Clear()
    {
        Key.ResetWrittenCount();
        Value.ResetWrittenCount();
        if (Key.Capacity > LargestKept) Key = new ArrayBufferWriter<byte>(256);
        if (Value.Capacity > LargestKept) Value = new ArrayBufferWriter<byte>(1024);
    }
}
