using System.Globalization;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// A small file of one offset per partition, in Kafka's text format: the version 0, the number of entries, then a line
/// <c>topic partition offset</c> each (<c>recovery-point-offset-checkpoint</c>, <c>log-start-offset-checkpoint</c>,
/// <c>replication-offset-checkpoint</c>, <c>cleaner-offset-checkpoint</c>). It is always replaced as a whole, atomically.
/// Thread-safe.
/// </summary>
/// <param name="fileSystem">Where the file is.</param>
/// <param name="path">Path of the file.</param>
public sealed class OffsetCheckpointFile(IFileSystem fileSystem, string path)
{
    private const string Version = "0";
    private readonly Lock _gate = new();

    /// <summary>Path of the file.</summary>
    public string Path => path;

    /// <summary>
    /// Reads the offsets. A missing file has none. Of a corrupt one nothing is believed: no offsets are answered and
    /// <paramref name="problem"/> says for the log what is wrong with it; otherwise it is null.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public Dictionary<TopicPartition, long> Read(out string? problem)
    {
        lock (_gate)
        {
            problem = null;
            if (!fileSystem.FileExists(path)) return [];
            var lines = Encoding.UTF8.GetString(fileSystem.ReadAllBytes(path)).Split('\n');
            var offsets = new Dictionary<TopicPartition, long>();
            problem = Parse(lines, offsets);
            if (problem is null) return offsets;
            problem = $"Checkpoint '{path}' is corrupt and is ignored: {problem}";
            return [];
        }
    }

    /// <summary>Replaces the file's content durably.</summary>
    /// <exception cref="IOException">The file could not be replaced; its old content stands.</exception>
    public void Write(IReadOnlyCollection<KeyValuePair<TopicPartition, long>> offsets)
    {
        ArgumentNullException.ThrowIfNull(offsets);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Version}\n{offsets.Count}\n");
        foreach (var (partition, offset) in offsets)
            text.Append(CultureInfo.InvariantCulture, $"{partition.Topic} {partition.Partition} {offset}\n");
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        lock (_gate) fileSystem.WriteAllBytesDurably(path, bytes);
    }

    private static string? Parse(string[] lines, Dictionary<TopicPartition, long> offsets)
    {
        if (lines[0].Trim() != Version) return $"line 1 holds '{Shown(lines[0])}', not the version {Version}.";
        if (lines.Length < 2 || !TryLong(lines[1].Trim(), out var count)) return "line 2 does not hold the number of entries.";
        var at = 2;
        for (; at < lines.Length && lines[at].Length > 0; at++)
        {
            var fields = lines[at].Trim().Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (fields.Length != 3 || !int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var partition)
                || !TryLong(fields[2], out var offset))
                return $"line {at + 1} holds '{Shown(lines[at])}', not 'topic partition offset'.";
            if (!offsets.TryAdd(new TopicPartition(fields[0], partition), offset))
                return $"line {at + 1} repeats the partition {fields[0]}-{partition}.";
        }

        return offsets.Count == count ? null : $"line 2 promises {count} entries, {offsets.Count} are there.";
    }

    private static bool TryLong(string text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static string Shown(string line) => line.Length <= 80 ? line : line[..80] + "…";
}
