using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Cleaning;

/// <summary>
/// What a compacted log must hold: every record ever acknowledged, by offset, from which follows the last value of each key.
/// </summary>
internal sealed class CompactionModel
{
    private readonly SortedDictionary<long, (string Key, string? Value)> _history = [];

    /// <summary>The offset after the last acknowledged record.</summary>
    public long AcknowledgedEnd { get; private set; }

    /// <summary>Notes records that were acknowledged.</summary>
    public void Acknowledge(long baseOffset, IReadOnlyList<(string? Key, string? Value)> records)
    {
        for (var i = 0; i < records.Count; i++) _history[baseOffset + i] = (records[i].Key!, records[i].Value);
        AcknowledgedEnd = Math.Max(AcknowledgedEnd, baseOffset + records.Count);
    }

    /// <summary>Takes in what a crash let survive though it was not acknowledged: from then on it counts.</summary>
    public void Adopt(PartitionLog log)
    {
        foreach (var (offset, key, value) in TestLog.Records(log))
            if (offset >= AcknowledgedEnd) _history[offset] = (key!, value);
        AcknowledgedEnd = log.LogEndOffset;
    }

    /// <summary>Checks that whoever reads the log from the start ends up with the last value of each key, and reads no record
    /// that was never written.</summary>
    public void CheckState(IEnumerable<(long Offset, string? Key, string? Value)> records)
    {
        var state = new Dictionary<string, string>();
        var last = -1L;
        foreach (var (offset, key, value) in records)
        {
            Assert.True(offset > last, $"Offset {offset} follows {last}.");
            last = offset;
            if (offset < AcknowledgedEnd) Assert.Equal(_history[offset], (key!, value));
            if (value is null) state.Remove(key!);
            else state[key!] = value;
        }

        Assert.Equal(StateBefore(long.MaxValue), state.OrderBy(e => e.Key, StringComparer.Ordinal));
    }

    /// <summary>Checks that before <paramref name="endOffset"/> each key has its last record there and no other.</summary>
    public void CheckClean(PartitionLog log, long endOffset)
    {
        var found = TestLog.Records(log).Where(record => record.Offset < endOffset).ToList();
        Assert.Equal(found.Count, found.Select(record => record.Key).Distinct().Count());
        var lastOffsets = new Dictionary<string, long>();
        foreach (var (offset, record) in _history)
            if (offset < endOffset) lastOffsets[record.Key] = offset;
        foreach (var (offset, key, _) in found) Assert.Equal(lastOffsets[key!], offset);
        var values = found.Where(record => record.Value is not null).Select(record => KeyValuePair.Create(record.Key!, record.Value!));
        Assert.Equal(StateBefore(endOffset), values.OrderBy(e => e.Key, StringComparer.Ordinal));
    }

    private IEnumerable<KeyValuePair<string, string>> StateBefore(long endOffset)
    {
        var state = new Dictionary<string, string>();
        foreach (var (offset, (key, value)) in _history)
        {
            if (offset >= endOffset) break;
            if (value is null) state.Remove(key);
            else state[key] = value;
        }

        return state.OrderBy(e => e.Key, StringComparer.Ordinal);
    }
}
