using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// A check over what the CRC of a batch does not cover, its base offset and its leader epoch. Between leader and follower nobody
/// writes them, so a difference is damage on the way.
/// </summary>
internal static class RecordSeal
{
    /// <summary>The seal of whole batches; 0 when there are none.</summary>
    public static long Of(ReadOnlyMemory<byte> records)
    {
        var seal = 0UL;
        for (var rest = records.Span; RecordBatchHeader.TryRead(rest, out var header) && header.SizeInBytes <= rest.Length;)
        {
            seal = Mix(Mix(seal, (ulong)header.BaseOffset), (uint)header.PartitionLeaderEpoch + (1UL << 32));
            rest = rest[(int)header.SizeInBytes..];
        }

        return (long)seal;
    }

    // The finalizer of splitmix64: every bit that goes in changes about half of those that come out.
    private static ulong Mix(ulong seal, ulong value)
    {
        var x = seal + value + 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
}
