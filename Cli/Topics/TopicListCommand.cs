using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic list</c>.</summary>
internal static class TopicListCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var withInternal = new Option<bool>("--internal") { Description = "Show the cluster's own topics too." };
        var command = new Command("list", "List topics.") { withInternal };
        command.Aliases.Add("ls");
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var all = await client.Admin.ListTopicsAsync(cancellationToken).ConfigureAwait(false);
            List<TopicListing> topics = [.. all.Where(topic => run.Value(withInternal) || !topic.IsInternal)];
            if (run.Settings.Json)
                WriteJson(run, topics);
            else if (topics.Count == 0)
                run.Say("There are no topics. Create one with `orleanslog topic create NAME`.");
            else
                run.Write(TableOf(topics));
            return ExitCode.Ok;
        });
    }

    private static Table TableOf(List<TopicListing> topics)
    {
        var table = new Table("topic", "partitions#", "replicas#", "internal");
        foreach (var topic in topics)
        {
            table.Add(
                topic.Name,
                topic.PartitionCount.ToString(CultureInfo.InvariantCulture),
                topic.ReplicationFactor.ToString(CultureInfo.InvariantCulture),
                topic.IsInternal ? "yes" : "");
        }

        return table;
    }

    private static void WriteJson(CommandRun run, List<TopicListing> topics) => run.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteObjects("topics", topics, topic =>
        {
            json.WriteString("name", topic.Name);
            json.WriteString("id", topic.Id);
            json.WriteNumber("partitions", topic.PartitionCount);
            json.WriteNumber("replicationFactor", topic.ReplicationFactor);
            json.WriteBoolean("internal", topic.IsInternal);
        });
        json.WriteEndObject();
    });
}
