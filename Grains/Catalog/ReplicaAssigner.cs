using OrleansLog.Records;

namespace OrleansLog.Grains.Catalog;

/// <summary>Spreads the replicas of a topic's partitions over the nodes. Pure and thread-safe.</summary>
internal static class ReplicaAssigner
{
    /// <summary>A node that replicas can be put on.</summary>
    /// <param name="Id">Its number.</param>
    /// <param name="Rack">Its rack; null for one of its own.</param>
    public readonly record struct Place(int Id, string? Rack);

    /// <summary>
    /// Assigns partitions <paramref name="firstPartition"/> up to, not including, <paramref name="totalCount"/>. Each node leads
    /// about as many as any other and follows about as many; the replicas of a partition are on different nodes, and on as many
    /// racks as there are. The followers of one node's partitions are spread over all others, so that none has to take over all
    /// that a node led.
    /// </summary>
    /// <param name="nodes">The nodes, in any order; at least <paramref name="replicationFactor"/>.</param>
    /// <param name="replicationFactor">Replicas of each partition, from 1.</param>
    /// <param name="firstPartition">The first partition to assign.</param>
    /// <param name="totalCount">How many partitions the topic has then.</param>
    /// <param name="spread">Any number of the topic's own, so that not every topic's first partition is led by the same node.</param>
    public static int[][] Assign(
        IReadOnlyList<Place> nodes, int replicationFactor, int firstPartition, int totalCount, int spread)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(replicationFactor, nodes.Count);
        var ring = Interleave(nodes);
        var start = (int)((uint)spread % (uint)ring.Length);
        var assignment = new int[totalCount - firstPartition][];
        for (var i = 0; i < assignment.Length; i++) assignment[i] = Pick(ring, start, firstPartition + i, replicationFactor);
        return assignment;
    }

    /// <summary>Takes over an assignment that somebody else chose.</summary>
    /// <param name="topic">The topic's name.</param>
    /// <param name="nodes">The nodes that take replicas.</param>
    /// <param name="replicationFactor">Replicas that each partition is to have.</param>
    /// <param name="firstPartition">The first partition of the assignment.</param>
    /// <param name="totalCount">How many partitions the topic is to have then.</param>
    /// <param name="wanted">The nodes of each, the preferred leader first.</param>
    /// <exception cref="OrleansLogException">InvalidReplicaAssignment.</exception>
    public static int[][] Check(
        string topic, IReadOnlyList<Place> nodes, int replicationFactor, int firstPartition, int totalCount,
        IReadOnlyList<IReadOnlyList<int>> wanted)
    {
        if (firstPartition + wanted.Count != totalCount)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidReplicaAssignment,
                $"The topic '{topic}' is to have {totalCount} partitions, {totalCount - firstPartition} of them new, and nodes are named for {wanted.Count}.");
        }

        var places = nodes.Select(static place => place.Id).ToHashSet();
        for (var i = 0; i < wanted.Count; i++)
        {
            var replicas = wanted[i];
            if (replicas.Count > 0 && replicas.Count == replicationFactor && replicas.Distinct().Count() == replicas.Count
                && replicas.All(places.Contains)) continue;
            throw new OrleansLogException(
                ErrorCode.InvalidReplicaAssignment,
                $"Partition {firstPartition + i} of the topic '{topic}' cannot be on the nodes {string.Join(", ", replicas)}: each partition needs "
                + $"{replicationFactor} different nodes of those that take replicas, which are {string.Join(", ", places.Order())}.");
        }

        return [.. wanted.Select(static replicas => replicas.ToArray())];
    }

    /// <summary>The nodes in an order in which neighbours are on different racks, as far as that can be.</summary>
    private static Place[] Interleave(IReadOnlyList<Place> nodes)
    {
        var racks = nodes.OrderBy(node => node.Id)
            .GroupBy(node => node.Rack ?? FormattableString.Invariant($"/{node.Id}"), StringComparer.Ordinal)
            .Select(rack => rack.ToArray())
            .ToArray();
        var ring = new List<Place>(nodes.Count);
        for (var i = 0; ring.Count < nodes.Count; i++)
            ring.AddRange(racks.Where(rack => i < rack.Length).Select(rack => rack[i]));
        return [.. ring];
    }

    private static int[] Pick(Place[] ring, int start, int partition, int replicationFactor)
    {
        var (count, first) = (ring.Length, (start + partition) % ring.Length);
        var picked = new List<Place>(replicationFactor) { ring[first] };
        // With every round of the leaders, the followers begin at another distance. A round begins with partition 0, wherever that is led:
        // of each whole round all nodes have as many replicas.
        var shift = partition / count;
        var rest = Enumerable.Range(0, count - 1)
            .Select(i => ring[(first + 1 + (shift + i) % (count - 1)) % count]).ToList();
        while (picked.Count < replicationFactor)
        {
            var next = rest.MinBy(node => picked.Count(other => node.Rack is not null && other.Rack == node.Rack));
            rest.Remove(next);
            picked.Add(next);
        }

        return [.. picked.Select(node => node.Id)];
    }
}
