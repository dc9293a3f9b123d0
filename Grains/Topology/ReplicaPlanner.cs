using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Place = OrleansLog.Grains.Catalog.ReplicaAssigner.Place;

namespace OrleansLog.Grains.Topology;

/// <summary>
/// Proposes where replicas should be, given where they are. Of the ways that lead there it looks for one that moves few replicas, since
/// each that moves is copied. One use, one thread; nothing is changed but the plan.
/// </summary>
internal sealed class ReplicaPlanner
{
    private readonly Place[] _places;
    private readonly Dictionary<int, string?> _racks;
    private readonly List<Entry> _entries;
    private readonly Dictionary<int, int> _held = [];

    /// <summary>Begins with what is.</summary>
    /// <param name="places">The nodes that may take replicas.</param>
    /// <param name="others">Other nodes that have some: their racks count, and nothing is put on them.</param>
    /// <param name="assignment">The replicas of each partition, the preferred leader first.</param>
    public ReplicaPlanner(
        IEnumerable<Place> places, IEnumerable<Place> others, IEnumerable<KeyValuePair<TopicPartition, IReadOnlyList<int>>> assignment)
    {
        _places = [.. places.OrderBy(place => place.Id)];
        _racks = _places.Concat(others).ToDictionary(place => place.Id, place => place.Rack);
        _entries = [.. assignment
            .OrderBy(entry => entry.Key.Topic, StringComparer.Ordinal).ThenBy(entry => entry.Key.Partition)
            .Select(entry => new Entry(entry.Key, entry.Value, [.. entry.Value]))];
        foreach (var place in _places) _held[place.Id] = 0;
        foreach (var node in _entries.SelectMany(entry => entry.Replicas)) _held[node] = _held.GetValueOrDefault(node) + 1;
    }

    /// <summary>The changes so far.</summary>
    public IReadOnlyList<ReplicaMove> Moves =>
    [
        .. _entries.Where(entry => !entry.Replicas.SequenceEqual(entry.Before))
            .Select(entry => new ReplicaMove(entry.Partition, entry.Before, entry.Replicas.ToArray())),
    ];

    /// <summary>
    /// Spreads over racks what can be, evens out how many replicas the nodes hold, and then how many partitions each is the preferred
    /// leader of. Replicas on nodes that take none stay.
    /// </summary>
    public void Balance()
    {
        SpreadOverRacks();
        while (FindMove() is var (entry, from, to)) Replace(entry, from, to);
        new LeaderSpread(_places.Select(place => place.Id), _entries.Select(entry => entry.Replicas)).Run();
    }

    /// <summary>Takes all replicas from a node.</summary>
    /// <exception cref="OrleansLogException">InvalidReplicationFactor: there is no node to take some of them; their topics are named.</exception>
    public void Drain(int nodeId)
    {
        var stuck = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var entry in _entries.Where(entry => entry.Replicas.Contains(nodeId)))
        {
            if (BestFor(entry, leaving: nodeId) is { } to) Replace(entry, nodeId, to);
            else stuck.Add(entry.Partition.Topic);
        }

        if (stuck.Count == 0) return;
        throw new OrleansLogException(
            ErrorCode.InvalidReplicationFactor,
            $"Node {nodeId} cannot be drained: {_places.Count(place => place.Id != nodeId)} other nodes take replicas, which are too few "
            + $"for the replication factor of {stuck.Count} topics: {string.Join(", ", stuck.Take(10))}{(stuck.Count > 10 ? ", ..." : "")}.");
    }

    /// <summary>Gives each partition so many replicas; from 1 to the number of nodes that take some.</summary>
    public void SetReplicationFactor(int replicationFactor)
    {
        foreach (var entry in _entries)
        {
            while (entry.Replicas.Count > replicationFactor) Drop(entry);
            while (entry.Replicas.Count < replicationFactor && BestFor(entry, leaving: null) is { } to)
            {
                entry.Replicas.Add(to);
                _held[to]++;
            }
        }
    }

    // A replica that shares its rack with another of the partition goes where there is none, while there is such a rack.
    private void SpreadOverRacks()
    {
        foreach (var entry in _entries)
        {
            for (var i = entry.Replicas.Count - 1; i >= 0; i--)
            {
                var node = entry.Replicas[i];
                if (!IsPlace(node) || Sharing(entry, node, node) == 0) continue;
                if (BestFor(entry, leaving: node) is { } to && Sharing(entry, to, node) == 0) Replace(entry, node, to);
            }
        }
    }

    // From a node that holds two more than another at least; a follower rather than a preferred leader, and never so that more replicas
    // of a partition share a rack.
    private (Entry Entry, int From, int To)? FindMove()
    {
        var byHeld = _places.Select(place => place.Id).OrderBy(node => _held[node]).ThenBy(node => node).ToArray();
        for (var high = byHeld.Length - 1; high > 0; high--)
        {
            var from = byHeld[high];
            foreach (var to in byHeld.TakeWhile(node => _held[node] <= _held[from] - 2))
            {
                var movable = _entries.Where(entry => entry.Replicas.Contains(from) && !entry.Replicas.Contains(to)
                    && Sharing(entry, to, from) <= Sharing(entry, from, from));
                if (movable.MinBy(entry => Cost(entry, from, to)) is { } best) return (best, from, to);
            }
        }

        return null;
    }

    // What moved already costs nothing more; topics are spread, and leaders left where they are.
    private static int Cost(Entry entry, int from, int to)
    {
        var isMoved = !entry.Before.Contains(from);
        return (isMoved ? 0 : 4) + (entry.Replicas[0] == from ? 2 : 0) + (entry.Before.Contains(to) ? -1 : 0);
    }

    private int? BestFor(Entry entry, int? leaving)
    {
        var able = _places.Where(place => place.Id != leaving && !entry.Replicas.Contains(place.Id)).ToArray();
        return able.Length == 0
            ? null
            : able.OrderBy(place => Sharing(entry, place.Id, leaving)).ThenBy(place => _held[place.Id]).ThenBy(place => place.Id).First().Id;
    }

    // The last of those that share a rack or, if none does, are on the fullest node; the preferred leader stays.
    private void Drop(Entry entry)
    {
        var node = entry.Replicas.Skip(1).OrderBy(IsPlace)
            .ThenByDescending(node => Sharing(entry, node, node)).ThenByDescending(node => _held[node]).First();
        entry.Replicas.Remove(node);
        _held[node]--;
    }

    private void Replace(Entry entry, int from, int to)
    {
        entry.Replicas[entry.Replicas.IndexOf(from)] = to;
        _held[from]--;
        _held[to]++;
    }

    // How many other replicas would share the rack of the node, if another left.
    private int Sharing(Entry entry, int node, int? leaving) => _racks.GetValueOrDefault(node) is not { } rack
        ? 0
        : entry.Replicas.Count(other => other != node && other != leaving && _racks.GetValueOrDefault(other) == rack);

    private bool IsPlace(int node) => Array.Exists(_places, place => place.Id == node);

    private sealed record Entry(TopicPartition Partition, IReadOnlyList<int> Before, List<int> Replicas);
}
