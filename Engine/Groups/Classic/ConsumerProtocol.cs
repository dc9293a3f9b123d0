using System.Buffers.Binary;
using System.Text;

namespace OrleansLog.Engine.Groups.Classic;

/// <summary>
/// What consumers, of all who use the classic protocol, put into their metadata. The coordinator has no part in it, but for
/// offsets: those of topics that a member subscribes to are neither deleted nor expire.
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
}
