namespace OrleansLog.Engine.Storage;

public sealed partial class PartitionLog
{
    /// <summary>
    /// The last offset that each idempotent producer wrote. The batch there tells the producer's sequence number to whoever
    /// rebuilds that state from the log, so compaction keeps it, be it without records.
    /// </summary>
    internal Dictionary<long, long> LastOffsetsOfProducers()
    {
        lock (_appendLock) return _producers.Producers.ToDictionary(producer => producer.ProducerId, producer => producer.LastOffset);
    }
}
