namespace OrleansLog.Engine.Replication;

/// <summary>The bounds that a <see cref="PartitionFollower"/> keeps to.</summary>
public sealed record PartitionFollowerOptions
{
    /// <summary>The defaults.</summary>
    public static PartitionFollowerOptions Default { get; } = new();

    /// <summary>Requests that arrived before those they follow, and are kept back; one more is answered with Mismatch.</summary>
    public int MaxParkedRequests { get; init; } = 8;

    /// <summary>How long such a request is kept back at most.</summary>
    public TimeSpan MaxParkedTime { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes that a search for damage reads at a time.</summary>
    public int ScrubBytesAtATime { get; init; } = 1024 * 1024;

    /// <summary>
    /// Where the names of sessions begin. No two lives of a replica may share one, so it is drawn at random; a simulation draws it
    /// from its seed.
    /// </summary>
    public Func<long> SessionSeed { get; init; } = static () => Random.Shared.NextInt64(1, long.MaxValue / 2);
}
