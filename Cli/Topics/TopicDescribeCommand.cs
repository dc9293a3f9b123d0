using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic describe NAME</c>.</summary>
internal static class TopicDescribeCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The topic." };
        var allConfigs = new Option<bool>("--all-configs") { Description = "Show the configurations that have their default too." };
        var command = new Command("describe", "Show a topic's partitions and configuration.") { name, allConfigs };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var topic = await client.Admin.DescribeTopicAsync(run.Value(name), cancellationToken).ConfigureAwait(false);
            var partitions = await client.Admin.DescribePartitionsAsync(topic.Name, cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
            {
                run.WriteJson(json => TopicJson.Write(json, topic, partitions));
                return ExitCode.Ok;
            }

            run.Write(PartitionTable(topic, partitions));
            var configs = run.Value(allConfigs) ? topic.Configs : topic.Overrides;
            if (configs.Count > 0)
            {
                run.Say("");
                run.Write(ConfigTable(topic, configs));
            }

            return ExitCode.Ok;
        });
    }

    private static Table PartitionTable(TopicDescription topic, IReadOnlyList<PartitionDescription> partitions)
    {
        var records = partitions.Sum(static partition => partition.HighWatermark - partition.LogStartOffset);
        var table = new Table(
            "partition#", "leader#", "epoch#", "replicas", "in sync", "start offset#", "end offset#", "offsets#", "size#")
        {
            Title = $"Topic {topic.Name} ({topic.Id}): {TopicText.Partitions(partitions.Count)}, {Quantity.Count(records)} offsets, " +
                $"{Quantity.Bytes(partitions.Sum(static partition => partition.SizeBytes))}" + (topic.IsInternal ? ", internal" : ""),
        };
        foreach (var partition in partitions)
        {
            table.Add(
                partition.Partition.Partition.ToString(CultureInfo.InvariantCulture),
                partition.Leader.ToString(CultureInfo.InvariantCulture),
                partition.LeaderEpoch.ToString(CultureInfo.InvariantCulture),
                TopicText.Nodes(partition.Replicas),
                TopicText.Nodes(partition.InSyncReplicas)
                    + (partition.EligibleReplicas is { Count: > 0 } eligible ? $" ({TopicText.Nodes(eligible)} eligible)" : ""),
                partition.LogStartOffset.ToString(CultureInfo.InvariantCulture),
                partition.HighWatermark.ToString(CultureInfo.InvariantCulture),
                (partition.HighWatermark - partition.LogStartOffset).ToString(CultureInfo.InvariantCulture),
                Quantity.Bytes(partition.SizeBytes));
        }

        return table;
    }

    private static Table ConfigTable(TopicDescription topic, IReadOnlyDictionary<string, string> configs)
    {
        var table = new Table("configuration", "value", "set");
        foreach (var (key, value) in configs.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
            table.Add(key, value, topic.Overrides.ContainsKey(key) ? "topic" : "default");
        return table;
    }
}
