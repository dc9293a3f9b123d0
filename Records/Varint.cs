using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OrleansLog.Records;

/// <summary>
/// The variable-length integers of the record format: seven bits a byte, least significant first, signed values zigzag
/// encoded (0, -1, 1, -2, ...), at most five bytes for 32 bits and ten for 64.
/// </summary>
internal static class Varint
{
    public const int MaxInt32Size = 5, MaxInt64Size = 10;

    /// <summary>Bytes that <paramref name="value"/> takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeOf(int value)
    {
        // ceil(bits / 7), at least 1, without a division
        var log2 = BitOperations.Log2(ZigZag(value) | 1);
        return ((log2 * 9) + 73) >> 6;
    }

    /// <summary>Bytes that <paramref name="value"/> takes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int SizeOf(long value)
    {
        var log2 = BitOperations.Log2(ZigZag(value) | 1);
        return ((log2 * 9) + 73) >> 6;
    }

    /// <summary>Writes at <paramref name="position"/> and returns the position after; the caller has made the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(ref byte buffer, int position, int value)
    {
        var bits = ZigZag(value);
        if (bits < 0x80)
        {
            Unsafe.Add(ref buffer, position) = (byte)bits;
            return position + 1;
        }

        if (bits < 0x4000)
        {
            Unsafe.Add(ref buffer, position) = (byte)(bits | 0x80);
            Unsafe.Add(ref buffer, position + 1) = (byte)(bits >> 7);
            return position + 2;
        }

        return WriteMany(ref buffer, position, bits);
    }

    /// <summary>Writes at <paramref name="position"/> and returns the position after; the caller has made the room.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Write(ref byte buffer, int position, long value)
    {
        var bits = ZigZag(value);
        if (bits < 0x80)
        {
            Unsafe.Add(ref buffer, position) = (byte)bits;
            return position + 1;
        }

        if (bits < 0x4000)
        {
            Unsafe.Add(ref buffer, position) = (byte)(bits | 0x80);
            Unsafe.Add(ref buffer, position + 1) = (byte)(bits >> 7);
            return position + 2;
        }

        return WriteMany(ref buffer, position, bits);
    }

    /// <summary>
    /// Reads at <paramref name="position"/> and moves it on; false when the source ends first or the
    /// number is too long, and then the position is of no use.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> source, ref int position, out int value)
    {
        // One and two bytes are nearly all there are; a number at the very end of the source takes the slow path.
        if ((uint)position + 1 < (uint)source.Length)
        {
            ref var at = ref Unsafe.Add(ref MemoryMarshal.GetReference(source), position);
            uint first = at, second = Unsafe.Add(ref at, 1);
            if (first < 0x80)
            {
                position++;
                value = UnZigZag(first);
                return true;
            }

            if (second < 0x80)
            {
                position += 2;
                value = UnZigZag(((first & 0x7F) | (second << 7)));
                return true;
            }
        }

        var (after, bits) = ReadMany(source, position, MaxInt32Size);
        position = after;
        value = UnZigZag((uint)bits);
        return after >= 0;
    }

    /// <summary>
    /// Reads at <paramref name="position"/> and moves it on; false when the source ends first or the
    /// number is too long, and then the position is of no use.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryRead(ReadOnlySpan<byte> source, ref int position, out long value)
    {
        // One and two bytes are nearly all there are; a number at the very end of the source takes the slow path.
        if ((uint)position + 1 < (uint)source.Length)
        {
            ref var at = ref Unsafe.Add(ref MemoryMarshal.GetReference(source), position);
            uint first = at, second = Unsafe.Add(ref at, 1);
            if (first < 0x80)
            {
                position++;
                value = UnZigZag(first);
                return true;
            }

            if (second < 0x80)
            {
                position += 2;
                value = UnZigZag(((first & 0x7F) | (second << 7)));
                return true;
            }
        }

        var (after, bits) = ReadMany(source, position, MaxInt64Size);
        position = after;
        value = UnZigZag(bits);
        return after >= 0;
    }

    private static int WriteMany(ref byte buffer, int position, ulong bits)
    {
        do
        {
            Unsafe.Add(ref buffer, position++) = (byte)(bits | 0x80);
            bits >>= 7;
        }
        while (bits >= 0x80);
        Unsafe.Add(ref buffer, position++) = (byte)bits;
        return position;
    }

    // By value, so that the callers' variables stay in registers; -1 for the position after when there is no number.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (int After, ulong Bits) ReadMany(ReadOnlySpan<byte> source, int position, int maxSize)
    {
        ulong bits = 0;
        for (var shift = 0; shift < 7 * maxSize && (uint)position < (uint)source.Length; shift += 7)
        {
            ulong next = source[position++];
            bits |= (next & 0x7F) << shift;
            if (next < 0x80) return (position, bits);
        }

        return (-1, 0);
    }

    private static uint ZigZag(int value) => (uint)((value << 1) ^ (value >> 31));

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));

    private static int UnZigZag(uint bits) => (int)(bits >> 1) ^ -(int)(bits & 1);

    private static long UnZigZag(ulong bits) => (long)(bits >> 1) ^ -(long)(bits & 1);
}
