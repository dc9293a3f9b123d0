using System.Buffers.Binary;
using Snappier;

namespace OrleansLog.Records.Codecs;

/// <summary>
/// Snappy in the framing of the xerial library, which Kafka's Java client writes: 16 bytes of header (magic, version, lowest
/// compatible version), then blocks, each an int32 length and a raw Snappy block. A single raw block without framing, as some
/// other clients write, is read too.
/// </summary>
internal static class SnappyCodec
{
    private const int HeaderSize = 16, MagicSize = 8, BlockSize = 32 * 1024, Version = 1;

    // The densest element of the format makes 64 bytes of 3; more than that is a lie of the length field.
    private const int MostExpansion = 22;

    private static ReadOnlySpan<byte> Magic => [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0];

    public static void Compress(ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        var header = destination.Reserve(HeaderSize);
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32BigEndian(header[MagicSize..], Version);
        BinaryPrimitives.WriteInt32BigEndian(header[(MagicSize + 4)..], Version);
        destination.Advance(HeaderSize);
        while (!source.IsEmpty)
        {
            var block = source[..Math.Min(source.Length, BlockSize)];
            source = source[block.Length..];
            var target = destination.Reserve(4 + Snappy.GetMaxCompressedLength(block.Length));
            var written = Snappy.Compress(block, target[4..]);
            BinaryPrimitives.WriteInt32BigEndian(target, written);
            destination.Advance(4 + written);
        }
    }

    public static void Decompress(ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        if (!source.StartsWith(Magic))
        {
            DecompressBlock(source, destination);
            return;
        }

        while (!source.IsEmpty)
        {
            if (source.StartsWith(Magic))
            {
                // streams may be concatenated, each with its header
                if (source.Length < HeaderSize) throw Fault.Corrupt($"The header of a Snappy stream is cut off.");
                source = source[HeaderSize..];
                continue;
            }

            if (source.Length < 4) throw Fault.Corrupt($"The length of a Snappy block is cut off.");
            var length = BinaryPrimitives.ReadInt32BigEndian(source);
            source = source[4..];
            if (length <= 0 || length > source.Length)
            {
                throw Fault.Corrupt($"A Snappy block claims {length} bytes of the {source.Length} that are there.");
            }

            DecompressBlock(source[..length], destination);
            source = source[length..];
        }
    }

    private static void DecompressBlock(ReadOnlySpan<byte> block, PooledBuffer destination)
    {
        var length = Snappy.GetUncompressedLength(block);
        if (length < 0 || length > (long)block.Length * MostExpansion)
        {
            throw Fault.Corrupt($"A Snappy block of {block.Length} bytes claims {length} bytes uncompressed.");
        }

        if (length == 0) return;
        var written = Snappy.Decompress(block, destination.Reserve(length)[..length]);
        if (written != length) throw Fault.Corrupt($"A Snappy block gave {written} bytes instead of the {length} it claims.");
        destination.Advance(written);
    }
}
