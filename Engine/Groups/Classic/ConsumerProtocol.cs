using System.Buffers.Binary;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups.Classic;

/// <summary>
/// What consumers, of all who use the classic protocol, put into their metadata and assignments. The coordinator has no part in
/// it, but for offsets (those of topics that a member subscribes to are neither deleted nor expire) and for telling people.
/// </summary>
internal static class ConsumerProtocol
{
    /// <summary>The protocol type of consumers.</summary>
    public const string Type = "consumer";

    /// <summary>Adds the topics of a subscription: version (int16), then the names as an array of strings; what follows differs
    /// by version and is of no interest.</summary>
    /// <returns>False when the bytes are not a subscription.</returns>
    public static bool TryReadTopics(ReadOnlySpan<byte> metadata, ISet<string> topics)
    {
        if (metadata.Length < 6) return false;
        var count = BinaryPrimitives.ReadInt32BigEndian(metadata[2..]);
        metadata = metadata[6..];
        if (count < 0 || count > metadata.Length / 2) return false;
        for (var i = 0; i < count; i++)
        {
            if (metadata.Length < 2) return false;
            var length = BinaryPrimitives.ReadInt16BigEndian(metadata);
            if (length < 0 || length > metadata.Length - 2) return false;
            topics.Add(Encoding.UTF8.GetString(metadata.Slice(2, length)));
            metadata = metadata[(2 + length)..];
        }

        return true;
    }

    /// <summary>The partitions of an assignment: version (int16), then for each topic its name and the numbers; none when the bytes
    /// are not an assignment.</summary>
    public static IReadOnlyList<TopicPartition> ReadAssignment(ReadOnlySpan<byte> assignment)
    {
        var partitions = new List<TopicPartition>();
        if (assignment.Length < 6) return partitions;
        var count = BinaryPrimitives.ReadInt32BigEndian(assignment[2..]);
        assignment = assignment[6..];
        for (; count > 0; count--)
        {
            if (assignment.Length < 6) return [];
            var length = BinaryPrimitives.ReadInt16BigEndian(assignment);
            if (length < 0 || length + 6 > assignment.Length) return [];
            var topic = Encoding.UTF8.GetString(assignment.Slice(2, length));
            var numbers = BinaryPrimitives.ReadInt32BigEndian(assignment[(2 + length)..]);
            assignment = assignment[(6 + length)..];
            if (numbers < 0 || numbers > assignment.Length / 4) return [];
            for (var i = 0; i < numbers; i++)
                partitions.Add(new TopicPartition(topic, BinaryPrimitives.ReadInt32BigEndian(assignment[(4 * i)..])));
            assignment = assignment[(4 * numbers)..];
        }

        return partitions;
    }
}
