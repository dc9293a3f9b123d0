using OrleansLog.Engine.Replication;

namespace OrleansLog.Grains.Partitions;

/// <summary>A partition that this activation leads: its open log and the leader on it.</summary>
/// <param name="IsInternal">Whether the cluster keeps its own state in it.</param>
/// <param name="Lease">The use of the log.</param>
/// <param name="Leader">The leader of the epoch that this activation raised.</param>
internal sealed record OpenPartition(bool IsInternal, LogLease Lease, PartitionLeader Leader)
{
    /// <summary>Lays the office down and lets the log go.</summary>
    public ValueTask CloseAsync()
    {
        Leader.Close();
        return Lease.DisposeAsync();
    }
}
