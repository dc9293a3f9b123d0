using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>The grain key of a partition: <c>topic/partition</c>. A topic name holds no slash, so the form is unambiguous.</summary>
public static class PartitionKey
{
    /// <summary>The key of <paramref name="partition"/>.</summary>
    public static string Format(TopicPartition partition) => string.Create(
        System.Globalization.CultureInfo.InvariantCulture, $"{partition.Topic}/{partition.Partition}");

    /// <summary>Reads a key that <see cref="Format"/> made.</summary>
    /// <exception cref="FormatException"><paramref name="key"/> is not of that form.</exception>
    public static TopicPartition Parse(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        var slash = key.LastIndexOf('/');
        return slash > 0 && int.TryParse(
            key.AsSpan(slash + 1),
            System.Globalization.NumberStyles.None,
            System.Globalization.CultureInfo.InvariantCulture,
            out var partition)
            ? new TopicPartition(key[..slash], partition)
            : throw new FormatException($"'{key}' is not the key of a partition; expected 'topic/number'.");
    }
}
