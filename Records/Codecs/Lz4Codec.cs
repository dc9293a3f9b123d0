using System.Buffers.Binary;
using K4os.Compression.LZ4;
using K4os.Hash.xxHash;

namespace OrleansLog.Records.Codecs;

/// <summary>
/// The LZ4 frame format (version 01). Written as Kafka's Java client demands: independent blocks of 64 KiB, no content size, no
/// content checksum. Read: any block size, linked blocks, block and content checksums; no dictionaries.
/// Source: "LZ4 Frame Format Description", lz4_Frame_format.md.
/// </summary>
internal static class Lz4Codec
{
    private const uint Magic = 0x184D2204, StoredFlag = 0x8000_0000;
    private const int BlockSize = 64 * 1024, HistorySize = 64 * 1024, BlockSizeCode = 4;
    private const byte VersionMask = 0xC0, Version = 0x40, IndependentFlag = 0x20, BlockChecksumFlag = 0x10,
        ContentSizeFlag = 0x08, ContentChecksumFlag = 0x04, DictionaryFlag = 0x01;

    // The densest sequence adds 255 bytes of output for each byte of input.
    private const int MostExpansion = 255;

    public static void Compress(ReadOnlySpan<byte> source, PooledBuffer destination, int level)
    {
        var header = destination.Reserve(7);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        header[4] = Version | IndependentFlag;
        header[5] = BlockSizeCode << 4;
        header[6] = HeaderChecksum(header[4..6]);
        destination.Advance(7);
        while (!source.IsEmpty)
        {
            var block = source[..Math.Min(source.Length, BlockSize)];
            source = source[block.Length..];
            var target = destination.Reserve(4 + LZ4Codec.MaximumOutputSize(block.Length));
            var written = LZ4Codec.Encode(block, target[4..], Level(level));
            var size = (uint)written;
            if (written <= 0 || written >= block.Length)
            {
                block.CopyTo(target[4..]);
                written = block.Length;
                size = (uint)written | StoredFlag;
            }

            BinaryPrimitives.WriteUInt32LittleEndian(target, size);
            destination.Advance(4 + written);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(destination.Reserve(4), 0);
        destination.Advance(4);
    }

    public static void Decompress(ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        var start = destination.Length;
        var flags = ReadHeader(ref source, out var maxBlock, out var contentSize);
        while (true)
        {
            var size = ReadUInt32(ref source);
            if (size == 0) break;
            var stored = (size & StoredFlag) != 0;
            size &= ~StoredFlag;
            if (size > source.Length || size > maxBlock)
            {
                throw Fault.Corrupt($"An LZ4 block claims {size} bytes of {source.Length}; a block may have {maxBlock}.");
            }

            var block = source[..(int)size];
            source = source[(int)size..];
            if ((flags & BlockChecksumFlag) != 0 && ReadUInt32(ref source) != XXH32.DigestOf(block))
            {
                throw Fault.Corrupt($"The checksum of an LZ4 block does not match.");
            }

            var history = (flags & IndependentFlag) != 0 ? 0 : Math.Min(HistorySize, destination.Length - start);
            DecompressBlock(block, stored, maxBlock, history, destination);
        }

        var content = destination.Written[start..];
        if ((flags & ContentChecksumFlag) != 0 && ReadUInt32(ref source) != XXH32.DigestOf(content))
        {
            throw Fault.Corrupt($"The content checksum of an LZ4 frame does not match.");
        }

        if (contentSize >= 0 && contentSize != content.Length)
        {
            throw Fault.Corrupt($"An LZ4 frame claims {contentSize} bytes of content and has {content.Length}.");
        }

        if (!source.IsEmpty) throw Fault.Corrupt($"{source.Length} bytes follow the LZ4 frame.");
    }

    private static void DecompressBlock(
        ReadOnlySpan<byte> block, bool stored, int maxBlock, int history, PooledBuffer destination)
    {
        if (stored)
        {
            block.CopyTo(destination.Reserve(block.Length));
            destination.Advance(block.Length);
            return;
        }

        var most = (int)Math.Min(maxBlock, ((long)block.Length * MostExpansion) + 64);
        var room = Math.Max(1, Math.Min(most, destination.MaxBytes - destination.Length));
        var target = destination.Reserve(room)[..room];
        var before = destination.Written[(destination.Length - history)..];
        var written = history == 0 ? LZ4Codec.Decode(block, target) : LZ4Codec.Decode(block, target, before);
        if (written < 0) throw Fault.Corrupt($"An LZ4 block of {block.Length} bytes is malformed or exceeds {room} bytes.");
        destination.Advance(written);
    }

    private static byte ReadHeader(ref ReadOnlySpan<byte> source, out int maxBlock, out long contentSize)
    {
        if (ReadUInt32(ref source) != Magic || source.Length < 3)
        {
            throw Fault.Corrupt($"The records do not begin with an LZ4 frame.");
        }

        var descriptor = source;
        var flags = source[0];
        var blockSizeCode = (source[1] >> 4) & 7;
        if ((flags & VersionMask) != Version || (flags & DictionaryFlag) != 0 || blockSizeCode < BlockSizeCode)
        {
            throw Fault.Corrupt($"An LZ4 frame with the descriptor {source[0]:x2}{source[1]:x2} is not supported.");
        }

        maxBlock = 1 << (8 + (2 * blockSizeCode));
        contentSize = -1;
        source = source[2..];
        if ((flags & ContentSizeFlag) != 0)
        {
            if (source.Length < 9) throw Fault.Corrupt($"The header of an LZ4 frame is cut off.");
            contentSize = BinaryPrimitives.ReadInt64LittleEndian(source);
            if (contentSize < 0) throw Fault.Corrupt($"An LZ4 frame claims {(ulong)contentSize} bytes of content.");
            source = source[8..];
        }

        if (source[0] != HeaderChecksum(descriptor[..^source.Length]))
        {
            throw Fault.Corrupt($"The header of an LZ4 frame fails its checksum.");
        }

        source = source[1..];
        return flags;
    }

    private static uint ReadUInt32(ref ReadOnlySpan<byte> source)
    {
        if (source.Length < 4) throw Fault.Corrupt($"An LZ4 frame is cut off.");
        var value = BinaryPrimitives.ReadUInt32LittleEndian(source);
        source = source[4..];
        return value;
    }

    private static byte HeaderChecksum(ReadOnlySpan<byte> descriptor) => (byte)(XXH32.DigestOf(descriptor) >> 8);

    // Below 3 the library has the fast algorithm only.
    private static LZ4Level Level(int level) => level < 3 ? LZ4Level.L00_FAST : (LZ4Level)level;
}
