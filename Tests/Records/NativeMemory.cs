using System.Buffers;

namespace OrleansLog.Tests.Records;

/// <summary>Memory that no array stands behind.</summary>
internal sealed unsafe class NativeMemory : MemoryManager<byte>
{
    private readonly int _length;
    private byte* _pointer;

    public NativeMemory(ReadOnlySpan<byte> content)
    {
        _length = content.Length;
        _pointer = (byte*)System.Runtime.InteropServices.NativeMemory.Alloc((nuint)_length);
        content.CopyTo(GetSpan());
    }

    public override Span<byte> GetSpan() => new(_pointer, _length);

    public override MemoryHandle Pin(int elementIndex = 0) => new(_pointer + elementIndex);

    public override void Unpin() { }

    protected override void Dispose(bool disposing)
    {
        System.Runtime.InteropServices.NativeMemory.Free(_pointer);
        _pointer = null;
    }
}
