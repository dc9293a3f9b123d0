namespace OrleansLog.Engine.Replication;

/// <summary>The bounds that a leader keeps to towards its followers.</summary>
public sealed record ReplicationOptions
{
    /// <summary>The defaults.</summary>
    public static ReplicationOptions Default { get; } = new();

    /// <summary>Most bytes of one request, from 1; a single larger batch still goes as a whole.</summary>
    public int MaxRequestBytes { get; init; } = 1024 * 1024;

    /// <summary>Requests to one follower that are on their way at a time, from 1.</summary>
    public int MaxInFlightRequests { get; init; } = 4;

    /// <summary>Bytes of records to one follower that are on their way at a time; one request is always allowed.</summary>
    public int MaxInFlightBytes { get; init; } = 8 * 1024 * 1024;

    /// <summary>After this time a call counts as failed, though it may still take effect.</summary>
    public TimeSpan CallTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>A follower whose calls have failed for this long leaves the ISR.</summary>
    public TimeSpan FailureGrace { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>A follower that answers, but was not up to date for this long, leaves the ISR: <c>replica.lag.time.max.ms</c>.</summary>
    public TimeSpan LagTimeMax { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The pause after a first failed call; doubled with each further one up to <see cref="MaxRetryDelay"/>.</summary>
    public TimeSpan MinRetryDelay { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>The longest pause between attempts to reach a follower, or to change the ISR.</summary>
    public TimeSpan MaxRetryDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a call to change the ISR may take before it is made again.</summary>
    public TimeSpan StoreTimeout { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>
    /// When nothing more is appended, followers hear of the last high watermark after this time; while something is, with the next
    /// records.
    /// </summary>
    public TimeSpan HighWatermarkDelay { get; init; } = TimeSpan.FromMilliseconds(20);
}
