namespace OrleansLog.Records.Codecs;

/// <summary>
/// Compresses and decompresses the records of a batch, by the batch's codec. Decompression is bounded by its destination, and
/// whatever a library throws on malformed input comes out as <see cref="ErrorCode.CorruptMessage"/>. Thread-safe.
/// </summary>
internal static class Codec
{
    /// <summary>Whether the codec is one that is read and written here, <see cref="CompressionType.None"/> included.</summary>
    public static bool IsKnown(CompressionType type) => type is >= CompressionType.None and <= CompressionType.Zstd;

    /// <summary>Refuses a level that the codec does not have; 0 stands for the codec's default.</summary>
    public static void CheckLevel(CompressionType type, int level)
    {
        var (least, most) = type switch
        {
            CompressionType.Gzip => (1, 9),
            CompressionType.Lz4 => (1, 12),
            CompressionType.Zstd => (ZstdCodec.LeastLevel, ZstdCodec.MostLevel),
            _ => (0, 0),
        };
        if (level != 0 && (level < least || level > most))
        {
            throw Fault.With(
                ErrorCode.InvalidConfig,
                $"Compression level {level} is not valid for {type}: it must lie between {least} and {most}; 0 is the default.");
        }
    }

    /// <summary>Appends <paramref name="source"/> compressed to <paramref name="destination"/>.</summary>
    public static void Compress(CompressionType type, int level, ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        switch (type)
        {
            case CompressionType.Gzip: GzipCodec.Compress(source, destination, level); break;
            case CompressionType.Snappy: SnappyCodec.Compress(source, destination); break;
            case CompressionType.Lz4: Lz4Codec.Compress(source, destination, level); break;
            case CompressionType.Zstd: ZstdCodec.Compress(source, destination, level); break;
            default: throw new ArgumentOutOfRangeException(nameof(type), type, "This codec does not compress.");
        }
    }

    /// <summary>
    /// Appends <paramref name="source"/> decompressed to <paramref name="destination"/>. Throws
    /// <see cref="ErrorCode.CorruptMessage"/> when it is malformed or exceeds the destination's bound, and
    /// <see cref="ErrorCode.UnsupportedCompressionType"/> for an unknown codec.
    /// </summary>
    public static void Decompress(CompressionType type, ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        if (source.IsEmpty) throw Fault.Corrupt($"A compressed batch has no bytes of records.");
        try
        {
            switch (type)
            {
                case CompressionType.Gzip: GzipCodec.Decompress(source, destination); break;
                case CompressionType.Snappy: SnappyCodec.Decompress(source, destination); break;
                case CompressionType.Lz4: Lz4Codec.Decompress(source, destination); break;
                case CompressionType.Zstd: ZstdCodec.Decompress(source, destination); break;
                default:
                    throw Fault.With(ErrorCode.UnsupportedCompressionType, $"Compression codec {(int)type} is not known.");
            }
        }
        catch (Exception e) when (e is not OrleansLogException and not OutOfMemoryException)
        {
            // Five libraries, each with its own ideas of what to throw on malformed bytes.
            throw new OrleansLogException(
                ErrorCode.CorruptMessage, $"The {type} compressed records of a batch cannot be decompressed: {e.Message}", e);
        }
    }
}
