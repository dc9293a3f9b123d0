namespace OrleansLog.Engine.Storage;

/// <summary>Bounds on what a log remembers of idempotent producers.</summary>
public sealed record ProducerStateOptions
{
    /// <summary><c>producer.id.expiration.ms</c>: how long an idle producer is remembered; a day by default.</summary>
    public long ExpirationMs { get; init; } = 24L * 60 * 60 * 1000;

    /// <summary>How many producers a partition remembers; beyond that those that were idle longest are forgotten.</summary>
    public int MaxProducers { get; init; } = 100_000;
}
