using System.Collections.Concurrent;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// The stored offices of partitions that nobody leads at the moment, for a few seconds: clients ask for all of them again and
/// again. Bounded. Thread-safe.
/// </summary>
internal sealed class OfficeCache(StoredOffices offices, NodeDirectory nodes, TimeProvider time)
{
    private const int MaxEntries = 100_000;
    private static readonly TimeSpan Age = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<TopicPartition, Entry> _entries = new();

    /// <summary>What is stored, or was a moment ago.</summary>
    /// <exception cref="OrleansLogException">KafkaStorageError: the store does not answer.</exception>
    public async ValueTask<PartitionOffice> FindAsync(TopicPartition partition)
    {
        var view = nodes.Current;
        if (_entries.TryGetValue(partition, out var known) && ReferenceEquals(known.View, view) && time.GetElapsedTime(known.At) < Age)
            return known.Office;
        var office = await offices.ReadAsync(partition);
        if (_entries.Count >= MaxEntries) _entries.Clear();
        // One that nobody has ever led may be led any moment.
        if (office.LeaderEpoch >= 0) _entries[partition] = new Entry(office, view, time.GetTimestamp());
        return office;
    }

    private readonly record struct Entry(PartitionOffice Office, NodeView View, long At);
}
