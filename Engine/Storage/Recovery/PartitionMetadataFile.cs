using System.Buffers.Text;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The file <c>partition.metadata</c>: which topic the partition belongs to, in Kafka's text format: <c>version: 0</c> and
/// <c>topic_id: </c> with the id as URL-safe base64 of its 16 bytes.
/// </summary>
internal static class PartitionMetadataFile
{
    public const string FileName = "partition.metadata";
    private const string VersionKey = "version: ", TopicKey = "topic_id: ";

    public static byte[] Format(Guid topicId) =>
        Encoding.ASCII.GetBytes($"{VersionKey}0\n{TopicKey}{Base64Url.EncodeToString(topicId.ToByteArray(bigEndian: true))}");

    /// <summary>The topic's id, or null when the content is damaged.</summary>
    public static Guid? Parse(ReadOnlySpan<byte> content)
    {
        var lines = Encoding.ASCII.GetString(content).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (lines.Length != 2 || lines[0] != VersionKey + "0" || !lines[1].StartsWith(TopicKey, StringComparison.Ordinal)) return null;
        Span<byte> id = stackalloc byte[16];
        return Base64Url.TryDecodeFromChars(lines[1].AsSpan(TopicKey.Length), id, out var length) && length == 16
            ? new Guid(id, bigEndian: true) : null;
    }

    /// <summary>
    /// The id of the topic whose partition the directory holds; written down the first time, or again when it is damaged.
    /// </summary>
    /// <exception cref="OrleansLogException">The directory belongs to another topic of the same name
    /// (<see cref="ErrorCode.InconsistentTopicId"/>).</exception>
    public static Guid Check(IFileSystem fileSystem, string directory, Guid topicId, List<string> notes)
    {
        var path = Path.Combine(directory, FileName);
        if (fileSystem.FileExists(path))
        {
            if (Parse(fileSystem.ReadAllBytes(path)) is { } found)
            {
                if (topicId == Guid.Empty || topicId == found) return found;
                throw new OrleansLogException(
                    ErrorCode.InconsistentTopicId,
                    $"'{directory}' holds a partition of the topic with id {found}, not of that with id {topicId}.");
            }

            notes.Add($"'{path}' was damaged and has been written anew");
        }

        fileSystem.WriteAllBytesDurably(path, Format(topicId));
        return topicId;
    }
}
