using System.Collections;

namespace OrleansLog.Engine.Groups;

/// <summary>
/// An immutable set of partitions, kept as one ordered array: small, and compared, joined and subtracted in one pass.
/// May be read by any thread.
/// </summary>
public sealed class PartitionSet : IReadOnlyList<TopicIdPartition>, IEquatable<PartitionSet>
{
    private readonly TopicIdPartition[] _items;

    private PartitionSet(TopicIdPartition[] ordered) => _items = ordered;

    /// <summary>The set without partitions.</summary>
    public static PartitionSet Empty { get; } = new([]);

    /// <summary>How many partitions there are.</summary>
    public int Count => _items.Length;

    /// <summary>Whether there are none.</summary>
    public bool IsEmpty => _items.Length == 0;

    /// <summary>The partition at a place in the order of the set.</summary>
    public TopicIdPartition this[int index] => _items[index];

    /// <summary>Makes a set; what is given twice counts once.</summary>
    public static PartitionSet Of(IEnumerable<TopicIdPartition> partitions)
    {
        var items = partitions.ToArray();
        if (items.Length == 0) return Empty;
        Array.Sort(items);
        var count = 1;
        for (var i = 1; i < items.Length; i++)
            if (items[i] != items[count - 1]) items[count++] = items[i];
        Array.Resize(ref items, count);
        return new PartitionSet(items);
    }

    /// <summary>Whether the partition is in the set.</summary>
    public bool Contains(TopicIdPartition partition) => Array.BinarySearch(_items, partition) >= 0;

    /// <summary>The partitions that are in both sets.</summary>
    public PartitionSet Intersect(PartitionSet other) => Merge(other, keepLeft: false, keepBoth: true, keepRight: false);

    /// <summary>The partitions of this set that are not in the other.</summary>
    public PartitionSet Except(PartitionSet other) => Merge(other, keepLeft: true, keepBoth: false, keepRight: false);

    /// <summary>The partitions that are in either set.</summary>
    public PartitionSet Union(PartitionSet other) => Merge(other, keepLeft: true, keepBoth: true, keepRight: true);

    /// <summary>Whether any partition is in both sets.</summary>
    public bool Overlaps(PartitionSet other) => !Intersect(other).IsEmpty;

    /// <summary>Whether every partition of this set is in the other too.</summary>
    public bool IsSubsetOf(PartitionSet other) => Except(other).IsEmpty;

    /// <inheritdoc/>
    public bool Equals(PartitionSet? other) => other is not null && _items.AsSpan().SequenceEqual(other._items);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PartitionSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var item in _items) hash.Add(item);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public IEnumerator<TopicIdPartition> GetEnumerator() => ((IEnumerable<TopicIdPartition>)_items).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => _items.GetEnumerator();

    private PartitionSet Merge(PartitionSet other, bool keepLeft, bool keepBoth, bool keepRight)
    {
        var result = new List<TopicIdPartition>(Math.Max(_items.Length, other._items.Length));
        int left = 0, right = 0;
        while (left < _items.Length || right < other._items.Length)
        {
            var order = left == _items.Length ? 1
                : right == other._items.Length ? -1
                : _items[left].CompareTo(other._items[right]);
            if (order < 0 ? keepLeft : order == 0 ? keepBoth : keepRight)
                result.Add(order <= 0 ? _items[left] : other._items[right]);
            if (order <= 0) left++;
            if (order >= 0) right++;
        }

        return result.Count == 0 ? Empty : new PartitionSet([.. result]);
    }
}
