using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using ArmCrc32 = System.Runtime.Intrinsics.Arm.Crc32;

namespace OrleansLog.Records;

/// <summary>
/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, initial value and final XOR 0xFFFFFFFF) as record batches carry it.
/// The CRC instruction has a latency of three cycles and a throughput of one, so long input is read as three streams whose
/// values are combined by precomputed tables. Thread-safe.
/// </summary>
public static class Crc32C
{
    /// <summary>The CRC of <paramref name="data"/>; 0 for no data.</summary>
    public static uint Compute(ReadOnlySpan<byte> data) => Append(0, data);

    /// <summary>
    /// The CRC of some bytes followed by <paramref name="data"/>, where <paramref name="crc"/> is the CRC of those bytes.
    /// </summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> data) => HasInstruction
        ? ~AppendByInstruction(~crc, data)
        : ~Crc32CTables.Append(~crc, data);

    /// <summary>Whether the processor has the instruction.</summary>
    internal static bool HasInstruction => Sse42.X64.IsSupported || ArmCrc32.Arm64.IsSupported;

    /// <summary>The instruction's path, on the inverted value.</summary>
    internal static uint AppendByInstruction(uint crc, ReadOnlySpan<byte> data)
    {
        if (data.Length >= Crc32CFolding.MinLength && Crc32CFolding.IsSupported) crc = Crc32CFolding.Append(crc, ref data);
        ref var at = ref MemoryMarshal.GetReference(data);
        nuint left = (nuint)data.Length;
        while (left >= 3 * Crc32CTables.LongStream)
        {
            crc = ThreeStreams(crc, ref at, Crc32CTables.LongStream, Crc32CTables.LongShift);
            at = ref Unsafe.Add(ref at, 3 * Crc32CTables.LongStream);
            left -= 3 * Crc32CTables.LongStream;
        }

        while (left >= 3 * Crc32CTables.ShortStream)
        {
            crc = ThreeStreams(crc, ref at, Crc32CTables.ShortStream, Crc32CTables.ShortShift);
            at = ref Unsafe.Add(ref at, 3 * Crc32CTables.ShortStream);
            left -= 3 * Crc32CTables.ShortStream;
        }

        ulong value = crc;
        for (; left >= 8; left -= 8)
        {
            value = Step(value, Unsafe.ReadUnaligned<ulong>(ref at));
            at = ref Unsafe.Add(ref at, 8);
        }

        crc = (uint)value;
        for (; left > 0; left--)
        {
            crc = Step(crc, at);
            at = ref Unsafe.Add(ref at, 1);
        }

        return crc;
    }

    private static uint ThreeStreams(uint crc, ref byte at, int stream, uint[] shift)
    {
        ulong first = crc, second = 0, third = 0;
        ref var a = ref at;
        ref var b = ref Unsafe.Add(ref at, stream);
        ref var c = ref Unsafe.Add(ref at, 2 * stream);
        for (nint i = 0; i < stream; i += 32)
        {
            first = Step(first, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, i)));
            second = Step(second, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, i)));
            third = Step(third, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref c, i)));
            first = Step(first, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, i + 8)));
            second = Step(second, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, i + 8)));
            third = Step(third, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref c, i + 8)));
            first = Step(first, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, i + 16)));
            second = Step(second, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, i + 16)));
            third = Step(third, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref c, i + 16)));
            first = Step(first, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, i + 24)));
            second = Step(second, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, i + 24)));
            third = Step(third, Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref c, i + 24)));
        }

        var joined = Crc32CTables.Shift(shift, (uint)first) ^ (uint)second;
        return Crc32CTables.Shift(shift, joined) ^ (uint)third;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Step(ulong crc, ulong data) => Sse42.X64.IsSupported
        ? Sse42.X64.Crc32(crc, data)
        : ArmCrc32.Arm64.ComputeCrc32C((uint)crc, data);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Step(uint crc, byte data) => Sse42.IsSupported
        ? Sse42.Crc32(crc, data)
        : ArmCrc32.ComputeCrc32C(crc, data);
}
