namespace OrleansLog.Grains.Failover;

/// <summary>What an attempt to connect says of a process.</summary>
internal enum ProbeResult
{
    /// <summary>Somebody listens.</summary>
    Listening,

    /// <summary>The host says that nobody listens: the process is gone.</summary>
    Refused,

    /// <summary>No answer, or none that says anything of the process.</summary>
    Unknown,
}
