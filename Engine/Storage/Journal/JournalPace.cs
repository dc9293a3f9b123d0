namespace OrleansLog.Engine.Storage;

/// <summary>
/// How much of one log is worth its way through the commit journal. Bytes in the journal are written twice, so for much of it the disk must be
/// quick: large rounds tell how fast it takes them, with their fsync. Where it is slow, only small parts go in,
/// until it is tried again. Rounds are noted one at a time; the bound is read on any thread.
/// </summary>
internal sealed class JournalPace(TimeProvider time)
{
    /// <summary>So many bytes of a log go in on any disk.</summary>
    public const int SmallBytes = 64 * 1024;

    /// <summary>Never more than that of one log.</summary>
    public const int LargeBytes = 512 * 1024;

    // Bytes a second, and the least round that is judged by it: in 1.3 ms, then, the fsync included.
    private const double LeastRate = 200e6;
    private const int LeastRoundBytes = 256 * 1024;

    // An fsync takes long now and then on any disk; of a slow one more than every third large round tells.
    private const int SlowWeight = 2;
    private const int Enough = 12;
    private static readonly TimeSpan TriedAgainAfter = TimeSpan.FromSeconds(10);

    private int _slowness;
    private bool _isSlow;
    private long _slowSince;

    /// <summary>The most bytes of one log that are to go into the journal now.</summary>
    public int MaxBytesOfLog =>
        Volatile.Read(ref _isSlow) && time.GetElapsedTime(Volatile.Read(ref _slowSince)) < TriedAgainAfter ? SmallBytes : LargeBytes;

    /// <summary>A round of so many bytes took so long to be durable.</summary>
    public void Note(int bytes, TimeSpan elapsed)
    {
        if (bytes < LeastRoundBytes) return;
        var isSlow = bytes < LeastRate * elapsed.TotalSeconds;
        _slowness = isSlow ? Math.Min(_slowness + SlowWeight, Enough) : Math.Max(_slowness - 1, 0);
        if (_slowness < Enough)
        {
            if (!isSlow) Volatile.Write(ref _isSlow, false);
            return;
        }

        Volatile.Write(ref _slowSince, time.GetTimestamp());
        Volatile.Write(ref _isSlow, true);
        // One more, when it is tried again, is enough to leave it at that.
        _slowness = Enough - SlowWeight;
    }
}
