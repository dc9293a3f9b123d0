namespace OrleansLog.Engine.Replication;

/// <summary>Which threads the wait for the disk may take of whoever appends.</summary>
public enum FlushWait
{
    /// <summary>None: another thread flushes, and the caller goes on on the thread pool (or on its own context).</summary>
    OnPool,

    /// <summary>Another thread flushes, and the caller may go on there; it must not hold that up, by blocking or by working for long.</summary>
    Anywhere,

    /// <summary>The caller's own thread flushes, unless another is about to; and as <see cref="Anywhere"/>.</summary>
    Here,
}
