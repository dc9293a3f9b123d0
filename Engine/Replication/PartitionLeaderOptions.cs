namespace OrleansLog.Engine.Replication;

/// <summary>The bounds that a <see cref="PartitionLeader"/> keeps to.</summary>
public sealed record PartitionLeaderOptions
{
    /// <summary>The defaults.</summary>
    public static PartitionLeaderOptions Default { get; } = new();

    /// <summary>
    /// Requests of one idempotent producer that are kept back until those before them have arrived, from 0: the greatest
    /// <c>max.in.flight</c> of a producer. One more is refused with OutOfOrderSequenceNumber.
    /// </summary>
    public int MaxParkedRequestsPerProducer { get; init; } = 5;

    /// <summary>Bytes of kept-back requests of all producers; a request beyond is refused with OutOfOrderSequenceNumber.</summary>
    public long MaxParkedBytes { get; init; } = 64L * 1024 * 1024;

    /// <summary>How long a request is kept back at most; a shorter timeout of the request holds as well.</summary>
    public TimeSpan MaxParkedTime { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Bytes that a search for damage reads at a time.</summary>
    public int ScrubBytesAtATime { get; init; } = 1024 * 1024;

    /// <summary>Bytes of one read, whatever was asked for, from 1; a single larger batch is still returned whole.</summary>
    public int MaxReadBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Reads that may wait for records at once; one more is answered at once with what is there.</summary>
    public int MaxWaitingReads { get; init; } = 10_000;
}
