namespace OrleansLog.Grains.Topology;

/// <summary>
/// Evens out how many partitions each node is the preferred leader of, by the order of the replicas alone: nothing is copied for it.
/// A node that leads too many gives one to another replica's node, which may have to give one on, until it reaches a node that
/// leads at least two less. One use, one thread.
/// </summary>
/// <param name="nodes">The nodes that are to lead.</param>
/// <param name="partitions">The replicas of each partition, the preferred leader first; they are put in another order.</param>
internal sealed class LeaderSpread(IEnumerable<int> nodes, IEnumerable<List<int>> partitions)
{
    private readonly HashSet<int> _nodes = [.. nodes];
    private readonly List<List<int>> _partitions = [.. partitions];

    /// <summary>Does it.</summary>
    public void Run()
    {
        if (_nodes.Count == 0) return;
        // A preferred leader that is to take no replicas leaves the lead to another, if it can.
        foreach (var replicas in _partitions)
            if (!_nodes.Contains(replicas[0]) && replicas.FindIndex(_nodes.Contains) is > 0 and var at) Promote(replicas, replicas[at]);
        while (Improve())
        {
        }
    }

    private bool Improve()
    {
        var led = _nodes.ToDictionary(node => node, _ => new List<List<int>>());
        foreach (var replicas in _partitions)
            if (led.TryGetValue(replicas[0], out var list)) list.Add(replicas);
        foreach (var start in _nodes.OrderByDescending(node => led[node].Count).ThenBy(node => node))
            if (FindPath(start, led) is { } path)
            {
                foreach (var (replicas, to) in path) Promote(replicas, to);
                return true;
            }

        return false;
    }

    // Breadth first, so that as few partitions as can be change their leader.
    private static List<(List<int> Replicas, int To)>? FindPath(int start, Dictionary<int, List<List<int>>> led)
    {
        var cameBy = new Dictionary<int, (int From, List<int> Replicas)>();
        var queue = new Queue<int>([start]);
        while (queue.TryDequeue(out var node))
        {
            foreach (var replicas in led[node])
            {
                foreach (var next in replicas.Skip(1))
                {
                    if (next == start || !led.TryGetValue(next, out var theirs) || !cameBy.TryAdd(next, (node, replicas))) continue;
                    if (theirs.Count <= led[start].Count - 2) return PathTo(next);
                    queue.Enqueue(next);
                }
            }
        }

        return null;

        List<(List<int>, int)> PathTo(int node)
        {
            var path = new List<(List<int>, int)>();
            for (var at = node; at != start; at = cameBy[at].From) path.Add((cameBy[at].Replicas, at));
            return path;
        }
    }

    private static void Promote(List<int> replicas, int node)
    {
        replicas.Remove(node);
        replicas.Insert(0, node);
    }
}
