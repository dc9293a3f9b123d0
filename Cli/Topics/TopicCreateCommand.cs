using System.CommandLine;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Records;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic create NAME</c>.</summary>
internal static class TopicCreateCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "1 to 249 of a-z A-Z 0-9 . _ -" };
        var partitions = ParsedOption.CreateNumber(
            "--partitions", 1, int.MaxValue, "How many partitions. Default: the cluster's num.partitions.");
        partitions.Aliases.Add("-p");
        var replicationFactor = ParsedOption.CreateNumber(
            "--replication-factor", 1, short.MaxValue, "Replicas of each partition. Default: the cluster's default.replication.factor.");
        replicationFactor.Aliases.Add("-r");
        var configs = TopicConfigOption.Create();
        var ifNotExists = new Option<bool>("--if-not-exists") { Description = "Succeed if the topic is there already; it is left as it is." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Check only." };
        var command = new Command("create", "Create a topic.")
        {
            name, partitions, replicationFactor, configs, ifNotExists, dryRun,
        };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var topic = run.Value(name);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            try
            {
                var created = await client.Admin.CreateTopicAsync(
                    topic,
                    (int)(run.Value(partitions) ?? -1),
                    (short)(run.Value(replicationFactor) ?? -1),
                    run.Value(configs),
                    run.Value(dryRun),
                    cancellationToken).ConfigureAwait(false);
                if (run.Settings.Json)
                    run.WriteJson(json => TopicJson.Write(json, created));
                else
                    run.Say($"{(run.Value(dryRun) ? "Could create" : "Created")} topic {created.Name} " +
                        $"with {TopicText.Partitions(created.Partitions.Count)}.");
            }
            catch (OrleansLogException exception) when (exception.Error == ErrorCode.TopicAlreadyExists && run.Value(ifNotExists))
            {
                var found = await client.Admin.DescribeTopicAsync(topic, cancellationToken).ConfigureAwait(false);
                if (run.Settings.Json)
                    run.WriteJson(json => TopicJson.Write(json, found));
                else
                    run.Say($"Topic {topic} exists already, with {TopicText.Partitions(found.Partitions.Count)}.");
            }

            return ExitCode.Ok;
        });
    }
}
