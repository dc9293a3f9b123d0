namespace OrleansLog.Grains.Catalog;

/// <summary>Spreads the replicas of a topic's partitions over the nodes. Pure and thread-safe.</summary>
internal static class ReplicaAssigner
{
    /// <summary>
    /// Assigns partitions <paramref name="firstPartition"/> up to, not including, <paramref name="totalCount"/>. Each node leads
    /// about as many as any other, and the replicas of a partition are on different nodes.
    /// </summary>
    /// <param name="nodeIds">The nodes, in any order; at least <paramref name="replicationFactor"/>.</param>
    /// <param name="replicationFactor">Replicas of each partition, from 1.</param>
    /// <param name="firstPartition">The first partition to assign.</param>
    /// <param name="totalCount">How many partitions the topic has then.</param>
    /// <param name="spread">Any number of the topic's own, so that not every topic's first partition is led by the same node.</param>
    public static int[][] Assign(
        IReadOnlyList<int> nodeIds, int replicationFactor, int firstPartition, int totalCount, int spread)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(replicationFactor, nodeIds.Count);
        var ordered = nodeIds.Order().ToArray();
        var start = (int)((uint)spread % (uint)ordered.Length);
        var assignment = new int[totalCount - firstPartition][];
        for (var i = 0; i < assignment.Length; i++)
        {
            var partition = firstPartition + i;
            var replicas = new int[replicationFactor];
            for (var r = 0; r < replicationFactor; r++) replicas[r] = ordered[(start + partition + r) % ordered.Length];
            assignment[i] = replicas;
        }

        return assignment;
    }
}
