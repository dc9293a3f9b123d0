namespace OrleansLog.Cli.Consume;

/// <summary>When consuming ends, and how often offsets are committed.</summary>
internal sealed class ConsumeSettings
{
    /// <summary>After so many records; null for no limit.</summary>
    public long? Count { get; init; }

    /// <summary>When the ends that the partitions had at the start are reached.</summary>
    public bool UntilEnd { get; init; }

    /// <summary>When no record has come for so long; null for never.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    /// <summary>How often a group's offsets are committed.</summary>
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromSeconds(1);
}

/// <summary>Why consuming ended.</summary>
internal enum ConsumeEnd
{
    /// <summary>The ends of the partitions were reached.</summary>
    EndReached,

    /// <summary>As many records as wanted were written.</summary>
    CountReached,

    /// <summary>No record came any more.</summary>
    Idle,

    /// <summary>It was told to stop.</summary>
    Interrupted,

    /// <summary>Nobody reads the output any more.</summary>
    OutputClosed,
}

/// <summary>How consuming ended.</summary>
/// <param name="End">Why.</param>
/// <param name="Records">Records that standard output has taken.</param>
/// <param name="CommitFailure">Why the last offsets could not be committed; null if they were, or there was no group.</param>
/// <param name="Elapsed">How long it took.</param>
internal sealed record ConsumeResult(ConsumeEnd End, long Records, Exception? CommitFailure, TimeSpan Elapsed);
