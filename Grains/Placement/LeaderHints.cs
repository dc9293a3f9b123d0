using System.Collections.Concurrent;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Which node leads which partition, as far as this node has heard. It may be wrong: whoever is called by mistake looks into the
/// store before it does anything. Of two words on a partition the one of the greater epoch counts. Bounded. Thread-safe.
/// </summary>
internal sealed class LeaderHints(LocationCache locations, IGrainFactory grains)
{
    private const int MaxHints = 200_000;
    private readonly ConcurrentDictionary<TopicPartition, Hint> _hints = new();

    /// <summary>The leader last heard of; null when none was.</summary>
    public Hint? Find(TopicPartition partition) => _hints.TryGetValue(partition, out var hint) ? hint : null;

    /// <summary>Notes that a node leads a partition, or is about to, and has calls go there from now on.</summary>
    public void Note(TopicPartition partition, int nodeId, int epoch)
    {
        // Rather forget all than grow: each is learned again from the store.
        if (_hints.Count >= MaxHints && !_hints.ContainsKey(partition)) _hints.Clear();
        var moved = false;
        _hints.AddOrUpdate(
            partition,
            _ =>
            {
                moved = true;
                return new Hint(nodeId, epoch);
            },
            (_, known) =>
            {
                if (epoch < known.Epoch) return known;
                moved = known.NodeId != nodeId;
                return new Hint(nodeId, epoch);
            });
        if (moved) locations.Remove(grains.GetPartition(partition).GetGrainId());
    }

    /// <summary>Forgets what was heard of a partition.</summary>
    public void Forget(TopicPartition partition)
    {
        _hints.TryRemove(partition, out _);
        locations.Remove(grains.GetPartition(partition).GetGrainId());
    }

    /// <summary>A leader and its epoch.</summary>
    public readonly record struct Hint(int NodeId, int Epoch);
}
