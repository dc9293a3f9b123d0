using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>What one pass of compaction did to one log.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="FirstDirtyOffset">Where the dirty part began.</param>
/// <param name="EndOffset">Where the pass ended: every record before it is the last of its key up to there.</param>
/// <param name="KeptRecords">Records that stayed.</param>
/// <param name="RemovedRecords">Records that were superseded, or tombstones whose time was over.</param>
/// <param name="BytesBefore">Size of the segments that were looked at, bytes.</param>
/// <param name="BytesAfter">Size of what stands in their place.</param>
public sealed record CompactionReport(
    TopicPartition Partition,
    long FirstDirtyOffset,
    long EndOffset,
    long KeptRecords,
    long RemovedRecords,
    long BytesBefore,
    long BytesAfter);
