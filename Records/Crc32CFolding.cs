using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OrleansLog.Records;

/// <summary>
/// CRC-32C of long input by carry-less multiplication of 512-bit vectors: several times as fast as the CRC instruction, which
/// takes 8 bytes a cycle. A CRC is the remainder of the input, read as a polynomial; instead of dividing, each 64-byte lane is
/// multiplied by what x to the power of its distance leaves as a remainder, and added to the lane that far ahead ("folding").
/// Source: V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009.
/// </summary>
internal static class Crc32CFolding
{
    /// <summary>The least input that is worth it, and a bound that the code relies on.</summary>
    public const int MinLength = 2 * BlockBytes;

    private const int LaneBytes = 64, BlockBytes = 4 * LaneBytes;
    private const uint Polynomial = 0x82F63B78;

    private static readonly Vector512<ulong> s_byBlock = Broadcast(BlockBytes), s_byLane = Broadcast(LaneBytes);

    // The four quarters of a lane, folded into the last of them.
    private static readonly Vector512<ulong> s_quarters = Vector512.Create(
        Vector256.Create(Constants(48), Constants(32)), Vector256.Create(Constants(16), Vector128<ulong>.Zero));

    /// <summary>Whether the processor can do it.</summary>
    public static bool IsSupported => Pclmulqdq.V512.IsSupported && Avx512F.IsSupported && Sse42.X64.IsSupported;

    /// <summary>
    /// Takes whole lanes off the front of <paramref name="data"/>, of at least <see cref="MinLength"/> bytes; on the inverted
    /// value, as the instruction works on it.
    /// </summary>
    public static uint Append(uint crc, ref ReadOnlySpan<byte> data)
    {
        ref var at = ref MemoryMarshal.GetReference(data);
        var end = data.Length;
        var a = Load(ref at, 0) ^ Vector512.CreateScalar((ulong)crc);
        var b = Load(ref at, LaneBytes);
        var c = Load(ref at, 2 * LaneBytes);
        var d = Load(ref at, 3 * LaneBytes);
        var byBlock = s_byBlock;
        nint done = BlockBytes;
        for (; done + BlockBytes <= end; done += BlockBytes)
        {
            a = Fold(a, byBlock) ^ Load(ref at, done);
            b = Fold(b, byBlock) ^ Load(ref at, done + LaneBytes);
            c = Fold(c, byBlock) ^ Load(ref at, done + (2 * LaneBytes));
            d = Fold(d, byBlock) ^ Load(ref at, done + (3 * LaneBytes));
        }

        var byLane = s_byLane;
        b ^= Fold(a, byLane);
        c ^= Fold(b, byLane);
        d ^= Fold(c, byLane);
        for (; done + LaneBytes <= end; done += LaneBytes) d = Fold(d, byLane) ^ Load(ref at, done);
        data = data[(int)done..];
        return Reduce(d);
    }

    private static uint Reduce(Vector512<ulong> lane)
    {
        var folded = Fold(lane, s_quarters);
        var rest = folded.GetLower().GetLower() ^ folded.GetLower().GetUpper() ^ folded.GetUpper().GetLower() ^ lane.GetUpper().GetUpper();
        return (uint)Sse42.X64.Crc32(Sse42.X64.Crc32(0, rest.GetElement(0)), rest.GetElement(1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Load(ref byte at, nint offset) =>
        Unsafe.ReadUnaligned<Vector512<ulong>>(ref Unsafe.Add(ref at, offset));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Fold(Vector512<ulong> lane, Vector512<ulong> constants) =>
        Pclmulqdq.V512.CarrylessMultiply(lane, constants, 0x00) ^ Pclmulqdq.V512.CarrylessMultiply(lane, constants, 0x11);

    private static Vector512<ulong> Broadcast(int bytes)
    {
        var constants = Vector256.Create(Constants(bytes), Constants(bytes));
        return Vector512.Create(constants, constants);
    }

    // For 16 bytes that move ahead by that many: their first half stands 64 bits further from the end than the second. A product of
    // two bit-reversed operands comes out one bit short, which is why each power is one less.
    private static Vector128<ulong> Constants(int bytes) => Vector128.Create(PowerOfX((8 * bytes) + 63), PowerOfX((8 * bytes) - 1));

    // x to the power, modulo the polynomial, bit-reversed and at the top of the 64 bits.
    private static ulong PowerOfX(int power)
    {
        var remainder = 1u << 31;
        for (; power > 0; power--) remainder = (remainder >> 1) ^ ((remainder & 1) * Polynomial);
        return (ulong)remainder << 32;
    }
}
