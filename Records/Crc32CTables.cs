using System.Buffers.Binary;

namespace OrleansLog.Records;

/// <summary>
/// The tables behind <see cref="Crc32C"/>: eight for the path without the instruction (eight bytes a step), and for each of
/// two stream lengths four that move a CRC over that many zero bytes, which is how the CRCs of neighbouring streams are joined.
/// All functions work on the inverted value.
/// </summary>
internal static class Crc32CTables
{
    private const uint Polynomial = 0x82F63B78;
    private const int Slices = 8;

    /// <summary>Bytes of one of three streams in long and in short input; multiples of 32.</summary>
    public const int LongStream = 2048, ShortStream = 256;

    private static readonly uint[] Bytes = MakeByteTables();

    /// <summary>Moves a CRC over <see cref="LongStream"/> zero bytes.</summary>
    public static readonly uint[] LongShift = MakeShift(LongStream);

    /// <summary>Moves a CRC over <see cref="ShortStream"/> zero bytes.</summary>
    public static readonly uint[] ShortShift = MakeShift(ShortStream);

    /// <summary>The CRC after as many zero bytes as <paramref name="table"/> was made for.</summary>
    public static uint Shift(uint[] table, uint crc) =>
        table[crc & 0xFF] ^ table[256 + ((crc >> 8) & 0xFF)] ^ table[512 + ((crc >> 16) & 0xFF)] ^ table[768 + (crc >> 24)];

    /// <summary>The path for processors without the instruction.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> data)
    {
        var table = Bytes;
        for (; data.Length >= 8; data = data[8..])
        {
            var low = crc ^ BinaryPrimitives.ReadUInt32LittleEndian(data);
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            crc = table[(7 * 256) + (int)(low & 0xFF)]
                ^ table[(6 * 256) + (int)((low >> 8) & 0xFF)]
                ^ table[(5 * 256) + (int)((low >> 16) & 0xFF)]
                ^ table[(4 * 256) + (int)(low >> 24)]
                ^ table[(3 * 256) + (int)(high & 0xFF)]
                ^ table[(2 * 256) + (int)((high >> 8) & 0xFF)]
                ^ table[256 + (int)((high >> 16) & 0xFF)]
                ^ table[(int)(high >> 24)];
        }

        foreach (var next in data)
        {
            crc = (crc >> 8) ^ table[(int)((crc ^ next) & 0xFF)];
        }

        return crc;
    }

    private static uint[] MakeByteTables()
    {
        var table = new uint[Slices * 256];
        for (uint i = 0; i < 256; i++)
        {
            var crc = i;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ Polynomial;
            }

            table[i] = crc;
        }

        // table k: the same byte followed by k zero bytes
        for (var i = 256; i < table.Length; i++)
        {
            var before = table[i - 256];
            table[i] = (before >> 8) ^ table[before & 0xFF];
        }

        return table;
    }

    private static uint[] MakeShift(int zeroBytes)
    {
        // A CRC is linear in its bits: move each of the 32 single bits, then add up.
        Span<uint> moved = stackalloc uint[32];
        for (var bit = 0; bit < 32; bit++)
        {
            var crc = 1u << bit;
            for (var i = 0; i < zeroBytes; i++)
            {
                crc = (crc >> 8) ^ Bytes[crc & 0xFF];
            }

            moved[bit] = crc;
        }

        var table = new uint[4 * 256];
        for (var i = 0; i < table.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                if ((i & (1 << bit)) != 0) table[i] ^= moved[(8 * (i >> 8)) + bit];
            }
        }

        return table;
    }
}
