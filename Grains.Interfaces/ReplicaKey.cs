using System.Globalization;
using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// The grain key of a partition's replica: <c>topic/partition@node</c>. What follows the last <c>@</c> is the node it is on.
/// </summary>
public static class ReplicaKey
{
    /// <summary>The key of the replica of <paramref name="partition"/> on <paramref name="nodeId"/>.</summary>
    public static string Format(TopicPartition partition, int nodeId) =>
        string.Create(CultureInfo.InvariantCulture, $"{PartitionKey.Format(partition)}@{nodeId}");

    /// <summary>Reads a key that <see cref="Format"/> made.</summary>
    /// <exception cref="FormatException"><paramref name="key"/> is not of that form.</exception>
    public static (TopicPartition Partition, int NodeId) Parse(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var at = key.LastIndexOf('@');
        return at > 0 && int.TryParse(key.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var node)
            ? (PartitionKey.Parse(key[..at]), node)
            : throw new FormatException($"'{key}' is not the key of a replica; expected 'topic/partition@node'.");
    }
}
