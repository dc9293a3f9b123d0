namespace OrleansLog.Engine.Storage;

/// <summary>
/// Zeros written ahead of a segment's end. An fsync of bytes that replace others need not change the file's size and extents, and
/// so spares the file system's journal: for small appends that halves it (fallocate does not help, as extents that were
/// never written have to be changed, too). It doubles the bytes written, so it is for logs whose flushes are small.
/// </summary>
internal static class ZeroAhead
{
    private const int Least = 32 * 1024, Page = 4096;
    private static readonly byte[] s_zeros = new byte[64 * 1024];

    /// <summary>
    /// Writes zeros from <paramref name="end"/> on, the more the longer the file is, so that a short log stays short. Answers where
    /// they end. A disk that refuses them is for the next append to find out.
    /// </summary>
    public static int Write(ILogFile file, int end, int most)
    {
        var target = (long)end + Math.Clamp(end / 8, Math.Min(Least, most), most);
        target = Math.Min((target + Page - 1) / Page * Page, int.MaxValue);
        try
        {
            for (long at = end; at < target; at += s_zeros.Length)
                file.Write(s_zeros.AsSpan(0, (int)Math.Min(s_zeros.Length, target - at)), at);
        }
        catch (IOException)
        {
            // Some of it may be there, and is cut off with the rest.
        }

        return (int)target;
    }
}
