using ZstdSharp;
using ZstdSharp.Unsafe;

namespace OrleansLog.Records.Codecs;

/// <summary>
/// Zstandard. Written as one frame that states its content size. Read in one shot into the destination, so that a frame's
/// claimed window never costs memory. Contexts are costly (a compressor holds a megabyte and more), so a few are kept.
/// </summary>
internal static class ZstdCodec
{
    public const int LeastLevel = -7, MostLevel = 22;
    private const int DefaultLevel = 3, FirstGuessFactor = 8, SmallestGuess = 64 * 1024;
    private static readonly BoundedPool<Compressor> Compressors = new(static () => new Compressor(DefaultLevel));
    private static readonly BoundedPool<Decompressor> Decompressors = new(static () => new Decompressor());

    public static void Compress(ReadOnlySpan<byte> source, PooledBuffer destination, int level)
    {
        var compressor = Compressors.Rent();
        level = level == 0 ? DefaultLevel : level;
        if (compressor.Level != level) compressor.Level = level;
        var target = destination.Reserve(Compressor.GetCompressBound(source.Length));
        destination.Advance(compressor.Wrap(source, target));
        Compressors.Return(compressor);
    }

    public static void Decompress(ReadOnlySpan<byte> source, PooledBuffer destination)
    {
        // The bound follows from the number of blocks and the sizes they can have, so a lie costs its teller some bytes.
        var bound = Bound(source);
        var most = (int)Math.Min(bound, (ulong)(destination.MaxBytes - destination.Length));
        var room = Math.Max(1, Math.Min(most, Math.Max(SmallestGuess, source.Length * (long)FirstGuessFactor)));
        var decompressor = Decompressors.Rent();
        try
        {
            int written;
            while (!decompressor.TryUnwrap(source, destination.Reserve((int)room), out written))
            {
                if (room >= most)
                {
                    throw Fault.Corrupt($"{source.Length} bytes of Zstandard give more than the {destination.MaxBytes} allowed.");
                }

                room = Math.Min(most, 4 * room);
            }

            destination.Advance(written);
        }
        catch
        {
            // A context that failed is not used again.
            decompressor.Dispose();
            throw;
        }

        Decompressors.Return(decompressor);
    }

    private static unsafe ulong Bound(ReadOnlySpan<byte> source)
    {
        const ulong error = unchecked((ulong)-2);
        fixed (byte* pointer = source)
        {
            var bound = Methods.ZSTD_decompressBound(pointer, (nuint)source.Length);
            if (bound >= error) throw Fault.Corrupt($"The records do not form a whole Zstandard frame.");
            return bound;
        }
    }
}
