namespace OrleansLog.Records;

/// <summary>A partition of a topic.</summary>
/// <param name="Topic">The topic's name.</param>
/// <param name="Partition">The partition's number, from 0.</param>
public readonly record struct TopicPartition(string Topic, int Partition)
{
    /// <summary>The partition as Kafka writes it and as its folder is named: <c>topic-partition</c>.</summary>
    public override string ToString() => string.Create(
        System.Globalization.CultureInfo.InvariantCulture, $"{Topic}-{Partition}");

    /// <summary>Reads the form that <see cref="ToString"/> writes; false when <paramref name="text"/> is not of it.</summary>
    public static bool TryParse(string text, out TopicPartition value)
    {
        ArgumentNullException.ThrowIfNull(text);
        var dash = text.LastIndexOf('-');
        if (dash > 0 && int.TryParse(
                text.AsSpan(dash + 1),
                System.Globalization.NumberStyles.None,
                System.Globalization.CultureInfo.InvariantCulture,
                out var partition))
        {
            value = new TopicPartition(text[..dash], partition);
            return true;
        }

        value = default;
        return false;
    }
}
