using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Orleans.Runtime.GrainDirectory;

namespace OrleansLog.Grains.Placement;

/// <summary>
/// Where this silo sends calls for grains that have a directory of their own, which the log's grains of a node have: Orleans asks
/// it with every call, and no further as long as it answers. It is the log's own so that an entry can be taken out when a leader
/// moves. Bounded; thread-safe.
/// </summary>
internal sealed class LocationCache : IGrainDirectoryCache
{
    private const int MaxEntries = 1_000_000;
    private readonly ConcurrentDictionary<GrainId, (GrainAddress Address, int Version)> _entries = new();

    /// <inheritdoc/>
    public IEnumerable<(GrainAddress ActivationAddress, int Version)> KeyValues => _entries.Values;

    /// <inheritdoc/>
    public void AddOrUpdate(GrainAddress value, int version)
    {
        // Rather forget all than grow: a location is found again with the next call.
        if (_entries.Count >= MaxEntries) _entries.Clear();
        _entries[value.GrainId] = (value, version);
    }

    /// <inheritdoc/>
    public bool LookUp(GrainId key, [NotNullWhen(true)] out GrainAddress? result, out int version)
    {
        var found = _entries.TryGetValue(key, out var entry);
        (result, version) = entry;
        return found;
    }

    /// <inheritdoc/>
    public bool Remove(GrainId key) => _entries.TryRemove(key, out _);

    /// <inheritdoc/>
    public bool Remove(GrainAddress key) =>
        _entries.TryGetValue(key.GrainId, out var entry)
        && (key.SiloAddress is null || key.SiloAddress.Equals(entry.Address.SiloAddress))
        && _entries.TryRemove(new KeyValuePair<GrainId, (GrainAddress, int)>(key.GrainId, entry));

    /// <inheritdoc/>
    public void Clear() => _entries.Clear();
}
