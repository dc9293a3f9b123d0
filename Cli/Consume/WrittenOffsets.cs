using OrleansLog.Records;

namespace OrleansLog.Cli.Consume;

/// <summary>
/// How far each partition has been written out. A record counts as written when it is in the output's buffer, as flushed when
/// standard output has taken it, and only then may its offset be committed. <see cref="Write"/> is called between two records
/// only, when nobody else may call anything; the other members may be called at once, by the pump and by a rebalance.
/// </summary>
internal sealed class WrittenOffsets
{
    private readonly Lock _lock = new();
    private readonly Dictionary<TopicPartition, Entry> _entries = [];
    private readonly List<Entry> _dirty = [];
    private Entry? _last;

    /// <summary>Sets the offset at which a partition counts as read to its end; -1 for none.</summary>
    public void SetTarget(TopicPartition partition, long target)
    {
        lock (_lock)
            EntryOf(partition.Topic, partition.Partition).Target = target;
    }

    /// <summary>Notes a record in the output's buffer.</summary>
    /// <returns>Whether its partition has reached its target with this record.</returns>
    public bool Write(string topic, int partition, long offset)
    {
        var entry = _last;
        if (entry is null || entry.Partition.Partition != partition || !ReferenceEquals(entry.Partition.Topic, topic))
            entry = _last = EntryOf(topic, partition);
        if (!entry.IsDirty)
        {
            entry.IsDirty = true;
            _dirty.Add(entry);
        }

        var before = entry.Written;
        entry.Written = offset + 1;
        return entry.Written >= entry.Target && before < entry.Target;
    }

    /// <summary>Notes that standard output has taken all that was written.</summary>
    public void MarkFlushed()
    {
        lock (_lock)
        {
            foreach (var entry in _dirty)
            {
                entry.Flushed = entry.Written;
                entry.IsDirty = false;
            }

            _dirty.Clear();
        }
    }

    /// <summary>The offsets that may be committed and are not yet: of all partitions, or of some.</summary>
    public IReadOnlyList<KeyValuePair<TopicPartition, long>> Committable(IReadOnlyList<TopicPartition>? partitions = null)
    {
        var wanted = partitions?.ToHashSet();
        lock (_lock)
        {
            return
            [
                .. _entries.Values
                    .Where(entry => entry.Flushed > entry.Committed && (wanted is null || wanted.Contains(entry.Partition)))
                    .Select(static entry => KeyValuePair.Create(entry.Partition, entry.Flushed)),
            ];
        }
    }

    /// <summary>Notes that offsets were committed.</summary>
    public void MarkCommitted(IEnumerable<KeyValuePair<TopicPartition, long>> offsets)
    {
        lock (_lock)
        {
            foreach (var (partition, offset) in offsets)
            {
                if (_entries.TryGetValue(partition, out var entry))
                    entry.Committed = Math.Max(entry.Committed, offset);
            }
        }
    }

    /// <summary>Forgets partitions that were given up.</summary>
    public void Remove(IEnumerable<TopicPartition> partitions)
    {
        lock (_lock)
        {
            foreach (var partition in partitions)
            {
                if (_entries.Remove(partition, out var entry))
                    _dirty.Remove(entry);
            }

            _last = null;
        }
    }

    /// <summary>Whether there are partitions, and all of them have reached their targets.</summary>
    /// <param name="position">The consumer's position in a partition: it may be past the last record that there was to write.</param>
    public bool HaveAllReachedTargets(Func<TopicPartition, long?> position)
    {
        lock (_lock)
        {
            return _entries.Count > 0 && _entries.Values.All(entry =>
                entry.Target >= 0 && (entry.Written >= entry.Target || position(entry.Partition) >= entry.Target));
        }
    }

    private Entry EntryOf(string topic, int partition)
    {
        var key = new TopicPartition(topic, partition);
        if (!_entries.TryGetValue(key, out var entry))
            _entries.Add(key, entry = new Entry(key));
        return entry;
    }

    private sealed class Entry(TopicPartition partition)
    {
        public TopicPartition Partition { get; } = partition;

        public long Written { get; set; } = -1;

        public long Flushed { get; set; } = -1;

        public long Committed { get; set; } = -1;

        public long Target { get; set; } = -1;

        public bool IsDirty { get; set; }
    }
}
