using System.Numerics;

namespace OrleansLog.Cli.Perf;

/// <summary>
/// Counts durations in buckets whose width is at most 1/1024 of their value, so that a percentile read from it is true to 0.1 %.
/// Its size is fixed (some 220 KiB); durations above <see cref="MaxValue"/> are counted as that. Not thread-safe.
/// </summary>
internal sealed class LatencyHistogram
{
    private const int SubBucketBits = 10;
    private const int SubBuckets = 1 << SubBucketBits;
    private const int Octaves = 26;

    // The first octave _counts 0..2047 one by one; each further one doubles the width of its 1,024 buckets.
    private readonly long[] _counts = new long[SubBuckets * (Octaves + 1)];

    /// <summary>The greatest duration told apart, in the caller's unit: with microseconds, 19 hours.</summary>
    public const long MaxValue = ((long)SubBuckets << Octaves) - 1;

    /// <summary>How many durations were counted.</summary>
    public long Count { get; private set; }

    /// <summary>The greatest duration counted, exactly; 0 without any.</summary>
    public long Max { get; private set; }

    /// <summary>Counts a duration; a negative one as 0.</summary>
    public void Record(long value)
    {
        value = Math.Clamp(value, 0, MaxValue);
        _counts[IndexOf(value)]++;
        Count++;
        if (value > Max)
            Max = value;
    }

    /// <summary>Adds what another histogram has counted.</summary>
    public void Add(LatencyHistogram other)
    {
        for (var i = 0; i < _counts.Length; i++)
            _counts[i] += other._counts[i];
        Count += other.Count;
        Max = Math.Max(Max, other.Max);
    }

    /// <summary>Forgets everything.</summary>
    public void Reset()
    {
        Array.Clear(_counts);
        Count = 0;
        Max = 0;
    }

    /// <summary>The duration that <paramref name="percentile"/> (0 to 100) of all do not exceed; 0 without any.</summary>
    public long ValueAt(double percentile)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(percentile);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(percentile, 100);
        var wanted = Math.Max(1, (long)Math.Ceiling(Count * percentile / 100));
        long seen = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            seen += _counts[i];
            if (seen >= wanted)
                return Math.Min(HighestIn(i), Max);
        }

        return Max;
    }

    private static int IndexOf(long value)
    {
        var octave = Math.Max(0, BitOperations.Log2((ulong)value | 1) - SubBucketBits);
        return (octave << SubBucketBits) + (int)(value >> octave);
    }

    private static long HighestIn(int index)
    {
        if (index < 2 * SubBuckets)
            return index;
        var octave = (index >> SubBucketBits) - 1;
        return (((long)index - ((long)octave << SubBucketBits) + 1) << octave) - 1;
    }
}
