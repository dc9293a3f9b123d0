namespace OrleansLog.Engine.Storage;

/// <summary>What became of an append.</summary>
/// <param name="BaseOffsets">First offset of each batch, in order; that of the earlier append for a duplicate.</param>
/// <param name="NextOffset">The offset that must be durable (or committed) for the append to be; exclusive.</param>
/// <param name="LogAppendTimeMs">The append time that was written into the batches; -1 when records keep the producer's times.</param>
/// <param name="AnyAppended">Whether anything was appended; false when all were duplicates.</param>
public readonly record struct LogAppendResult(long[] BaseOffsets, long NextOffset, long LogAppendTimeMs, bool AnyAppended);
