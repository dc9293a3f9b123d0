using OrleansLog.Records;

namespace OrleansLog.Grains.Catalog;

/// <summary>The topics in which the cluster keeps its own state.</summary>
internal static class InternalTopics
{
    /// <summary>Committed offsets and group metadata.</summary>
    public const string ConsumerOffsets = "__consumer_offsets";

    /// <summary>Whether the name is one of an internal topic.</summary>
    public static bool Contains(string topic) => topic == ConsumerOffsets;

    /// <summary>The configurations set on an internal topic. Its partition count comes from the options.</summary>
    /// <exception cref="OrleansLogException">InvalidTopic: there is no internal topic of this name.</exception>
    public static Dictionary<string, string> OverridesOf(string topic) => topic switch
    {
        // Small segments, so that compaction, which leaves the active one alone, has something to do.
        ConsumerOffsets => new()
        {
            ["cleanup.policy"] = "compact",
            ["compression.type"] = "producer",
            ["segment.bytes"] = "104857600",
        },
        _ => throw new OrleansLogException(
            ErrorCode.InvalidTopic, $"'{topic}' is not an internal topic; the internal topics are: {ConsumerOffsets}."),
    };
}
