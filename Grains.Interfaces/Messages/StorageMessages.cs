using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>What a node keeps on its disk.</summary>
/// <param name="Path">Full path of the data directory.</param>
/// <param name="TotalBytes">Size of the disk; -1 when it is not known.</param>
/// <param name="UsableBytes">Bytes left on it; -1 when it is not known.</param>
/// <param name="Replicas">The replicas.</param>
public sealed record NodeStorage(string Path, long TotalBytes, long UsableBytes, IReadOnlyList<StoredReplica> Replicas);

/// <summary>A replica on a disk.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="SizeBytes">Bytes of its segments.</param>
public sealed record StoredReplica(TopicPartition Partition, long SizeBytes);
