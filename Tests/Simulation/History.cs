using OrleansLog.Engine.Storage;
using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Simulation;

/// <summary>Thrown when a promise was broken.</summary>
public sealed class BrokenPromiseException(string message) : Exception(message);

/// <summary>
/// What clients were told, and whether it stayed true: what is promised in section 9 of the design, as far as one partition goes.
/// </summary>
public sealed class History
{
    private readonly Dictionary<string, long> _acknowledged = [];
    private readonly HashSet<string> _somewhere = [];
    private readonly Dictionary<long, (string Value, string Source)> _seen = [];
    private readonly Dictionary<int, int> _leaders = [];
    private readonly List<int> _producers = [];

    /// <summary>Records acknowledged.</summary>
    public int AcknowledgedCount => _acknowledged.Count;

    /// <summary>The offset after the last record acknowledged.</summary>
    public long AcknowledgedEnd { get; private set; }

    /// <summary>Different offsets whose record a client was told of.</summary>
    public int SeenCount => _seen.Count;

    /// <summary>Records that a producer sends have this text.</summary>
    public static string Value(int producer, int sequence) => FormattableString.Invariant($"{producer}:{sequence:D5}");

    public void AddProducer(int producer) => _producers.Add(producer);

    /// <summary>A leader answered that the records are committed.</summary>
    public void Acknowledged(int producer, int sequence, int count, long baseOffset, int node, int epoch)
    {
        NoteLeader(node, epoch);
        AcknowledgedEnd = Math.Max(AcknowledgedEnd, baseOffset + count);
        for (var i = 0; i < count; i++)
        {
            var value = Value(producer, sequence + i);
            if (_acknowledged.TryGetValue(value, out var before) && before != baseOffset + i)
                throw new BrokenPromiseException($"{value} was acknowledged at offset {before} and then at {baseOffset + i}.");
            _acknowledged[value] = baseOffset + i;
            Saw(baseOffset + i, value, $"acknowledged by node {node}");
        }
    }

    /// <summary>A leader answered that it has the records already.</summary>
    public void AcknowledgedSomewhere(int producer, int sequence, int count)
    {
        for (var i = 0; i < count; i++) _somewhere.Add(Value(producer, sequence + i));
    }

    /// <summary>A node served a record.</summary>
    public void Read(long offset, string value, int node, int epoch)
    {
        NoteLeader(node, epoch);
        Saw(offset, value, $"read from node {node} in epoch {epoch}");
    }

    /// <summary>Judges the logs when everything has calmed down: they are alike, and hold what was acknowledged and read, once.</summary>
    public void Judge(IReadOnlyList<(int Node, PartitionLog Log)> logs)
    {
        var bytes = logs.Select(log => (log.Node, Bytes: BytesOf(log.Log))).ToList();
        foreach (var (node, content) in bytes.Skip(1))
            if (!content.AsSpan().SequenceEqual(bytes[0].Bytes))
                {
                var at = content.AsSpan().CommonPrefixLength(bytes[0].Bytes);
                throw new BrokenPromiseException(
                    $"The logs of nodes {bytes[0].Node} and {node} differ from byte {at} of {bytes[0].Bytes.Length} and {content.Length} on; "
                    + string.Join("; ", logs.Select(log => $"node {log.Node}: " + string.Join(',', log.Log.Segments.Select(segment => $"{segment.BaseOffset}:{segment.SizeInBytes}")))));
            }


        var records = TestLog.Records(bytes[0].Bytes);
        var byOffset = new Dictionary<long, string>();
        foreach (var (offset, _, value) in records)
            if (!byOffset.TryAdd(offset, value!)) throw new BrokenPromiseException($"Offset {offset} is there twice.");
        foreach (var (value, offset) in _acknowledged)
            if (byOffset.GetValueOrDefault(offset) is var there && there != value)
                throw new BrokenPromiseException($"{value} was acknowledged at offset {offset}, where there is {there ?? "nothing"}.");
        foreach (var value in _somewhere.Except(byOffset.Values))
            throw new BrokenPromiseException($"{value} was acknowledged, and is nowhere.");
        foreach (var (offset, (value, source)) in _seen)
            if (byOffset.GetValueOrDefault(offset) is var there && there != value)
                throw new BrokenPromiseException($"{value} at offset {offset} ({source}) has become {there ?? "nothing"}.");
        foreach (var producer in _producers) JudgeOrder(producer, records);
    }

    private static void JudgeOrder(int producer, List<(long Offset, string? Key, string? Value)> records)
    {
        var prefix = FormattableString.Invariant($"{producer}:");
        var next = 0;
        foreach (var (offset, _, value) in records)
        {
            if (!value!.StartsWith(prefix, StringComparison.Ordinal)) continue;
            if (value != Value(producer, next))
                throw new BrokenPromiseException($"{value} at offset {offset} comes where {Value(producer, next)} is due: repeated or out of order.");
            next++;
        }
    }

    private void Saw(long offset, string value, string source)
    {
        if (!_seen.TryAdd(offset, (value, source)) && _seen[offset].Value != value)
        {
            throw new BrokenPromiseException(
                $"Offset {offset} has two records: {_seen[offset].Value} ({_seen[offset].Source}) and {value} ({source}).");
        }
    }

    private void NoteLeader(int node, int epoch)
    {
        if (!_leaders.TryAdd(epoch, node) && _leaders[epoch] != node)
            throw new BrokenPromiseException($"Nodes {_leaders[epoch]} and {node} both lead in epoch {epoch}.");
    }

    private static byte[] BytesOf(PartitionLog log)
    {
        using var content = new MemoryStream();
        for (var offset = log.LogStartOffset; offset < log.LogEndOffset;)
        {
            using var read = log.Read(offset, 1 << 20);
            content.Write(read.Memory.Span);
            offset = read.NextOffset;
        }

        return content.ToArray();
    }
}
