using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>What a log tells the manager that opened it. Called with the log's append lock held or not; must not call back.</summary>
internal interface ILogOwner
{
    /// <summary>
    /// The log's start offset rose or its end fell: what is kept of both must be durable before the call returns.
    /// </summary>
    /// <exception cref="IOException">It could not be written.</exception>
    void WriteCheckpoints(PartitionLog log);

    /// <summary>More of the log became durable.</summary>
    void OnFlushed(PartitionLog log);
}

/// <summary>What a log is given to work with.</summary>
internal sealed record LogEnvironment(
    TopicPartition Partition,
    string Directory,
    IFileSystem FileSystem,
    TimeProvider Time,
    ILogger Logger,
    IFlushScheduler Flushes,
    ILogOwner Owner)
{
    /// <summary>The files of closed segments that are open, of all logs that share it.</summary>
    public SegmentFileCache OpenFiles { get; init; } = new(maxOpen: 64);

    /// <summary>By which it is flushed together with others; null for never.</summary>
    public CommitJournal? Journal { get; init; }

    /// <summary>Most bytes of zeros that are written ahead; 0 for none.</summary>
    public int ZeroAheadBytes { get; init; }
}
