using System.IO.Compression;

namespace OrleansLog.Records.Codecs;

/// <summary>gzip (RFC 1952) as one or more members.</summary>
internal static class GzipCodec
{
    private const int DefaultLevel = 6, FirstGuessFactor = 4;

    public static void Compress(ReadOnlySpan<byte> source, PooledBuffer destination, int level)
    {
        var options = new ZLibCompressionOptions { CompressionLevel = level == 0 ? DefaultLevel : level };
        using var target = new PooledBufferStream(destination);
        using var gzip = new GZipStream(target, options, leaveOpen: true);
        gzip.Write(source);
    }

    public static unsafe void Decompress(ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        fixed (byte* pointer = source)
        {
            using var stream = new UnmanagedMemoryStream(pointer, source.Length);
            using var gzip = new GZipStream(stream, CompressionMode.Decompress);
            var guess = (int)Math.Min((long)source.Length * FirstGuessFactor, destination.MaxBytes - destination.Length);
            destination.Reserve(Math.Max(guess, 1));
            // At the bound a single byte more is one too many, but the end of the stream must still be seen.
            Span<byte> oneMore = stackalloc byte[1];
            while (true)
            {
                var full = destination.Length == destination.MaxBytes;
                var read = gzip.Read(full ? oneMore : destination.Reserve(1));
                if (read == 0) return;
                if (full) destination.Reserve(1);
                destination.Advance(read);
            }
        }
    }
}
