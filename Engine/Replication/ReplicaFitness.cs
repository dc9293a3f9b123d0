namespace OrleansLog.Engine.Replication;

/// <summary>Whether a replica may lead, as far as its own log tells.</summary>
public enum ReplicaFitness
{
    /// <summary>It may.</summary>
    Fit,

    /// <summary>
    /// Nothing is missing, but some of it cannot be read. It must not lead, except when nobody else is in sync, alive or dead: then
    /// it leads what can be read, until a replica that fell out of sync has come back with the rest.
    /// </summary>
    Damaged,

    /// <summary>Records are missing, or may be (its files were cut, or its disk wiped), or its disk fails now. It must not lead.</summary>
    Unfit,
}
