using System.Globalization;

namespace OrleansLog.Cli.Topics;

/// <summary>How topics are written about.</summary>
internal static class TopicText
{
    /// <summary>"1 partition", "6 partitions".</summary>
    public static string Partitions(int count) => string.Create(
        CultureInfo.InvariantCulture, $"{count} {(count == 1 ? "partition" : "partitions")}");

    /// <summary>"0,2,1".</summary>
    public static string Nodes(IEnumerable<int> nodes) => string.Join(',', nodes);
}
