using System.Globalization;
using OrleansLog.Records;

namespace OrleansLog.Cli.Groups;

/// <summary>Writes lists of partitions shortly.</summary>
internal static class PartitionText
{
    /// <summary>"orders:0-2,5 payments:1"; "-" for none.</summary>
    public static string Of(IReadOnlyList<TopicPartition> partitions) => partitions.Count == 0
        ? "-"
        : string.Join(' ', partitions
            .GroupBy(static partition => partition.Topic, StringComparer.Ordinal)
            .OrderBy(static topic => topic.Key, StringComparer.Ordinal)
            .Select(static topic => $"{topic.Key}:{Runs(topic.Select(static partition => partition.Partition).Order())}"));

    private static string Runs(IEnumerable<int> ordered)
    {
        var runs = new List<(int First, int Last)>();
        foreach (var number in ordered)
        {
            if (runs.Count > 0 && runs[^1].Last == number - 1)
                runs[^1] = (runs[^1].First, number);
            else
                runs.Add((number, number));
        }

        return string.Join(',', runs.Select(static run => run.First == run.Last
            ? run.First.ToString(CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{run.First}-{run.Last}")));
    }
}
