namespace OrleansLog.Client;

/// <summary>Chooses the partition of a record that names none. Called from several threads at once.</summary>
public abstract class Partitioner
{
    /// <summary>Returned by <see cref="Choose"/> for: whichever partition is being filled at present (sticky).</summary>
    public const int Sticky = -1;

    /// <summary>
    /// Kafka's default: a record with a key goes to <c>toPositive(murmur2(key)) % partitions</c>, the same partition that Kafka's
    /// Java client chooses; records without a key fill a batch of one partition, then one of another.
    /// </summary>
    public static Partitioner Default { get; } = new KeyHashPartitioner();

    /// <summary>Chooses.</summary>
    /// <param name="topic">The topic.</param>
    /// <param name="key">The key's bytes.</param>
    /// <param name="hasKey">Whether there is a key.</param>
    /// <param name="partitionCount">How many partitions the topic has.</param>
    /// <returns>A partition from 0 to <paramref name="partitionCount"/> - 1, or <see cref="Sticky"/>.</returns>
    public abstract int Choose(string topic, ReadOnlySpan<byte> key, bool hasKey, int partitionCount);

    private sealed class KeyHashPartitioner : Partitioner
    {
        public override int Choose(string topic, ReadOnlySpan<byte> key, bool hasKey, int partitionCount) =>
            hasKey ? Murmur2.Partition(key, partitionCount) : Sticky;
    }
}
