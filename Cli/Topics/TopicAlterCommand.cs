using System.CommandLine;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic alter NAME</c>.</summary>
internal static class TopicAlterCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The topic." };
        var configs = TopicConfigOption.Create();
        var deleted = new Option<string[]>("--delete-config")
        {
            Description = "A configuration that is to have its default again; may be repeated.", HelpName = "name",
        };
        var partitions = ParsedOption.CreateNumber(
            "--partitions", 1, int.MaxValue, "The new number of partitions, more than now. Keys go to other partitions from then on.");
        partitions.Aliases.Add("-p");
        var dryRun = new Option<bool>("--dry-run") { Description = "Check the configurations only; partitions are left alone." };
        var command = new Command("alter", "Change a topic's configuration or add partitions.")
        {
            name, configs, deleted, partitions, dryRun,
        };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var changes = Changes(run.Value(configs) ?? [], run.Value(deleted) ?? []);
            var count = run.Value(partitions);
            if (changes.Count == 0 && count is null)
                throw new UsageException("Nothing to alter: give --config, --delete-config or --partitions.");
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            TopicDescription? topic = null;
            if (changes.Count > 0)
            {
                topic = await client.Admin.AlterTopicConfigAsync(run.Value(name), changes, run.Value(dryRun), cancellationToken)
                    .ConfigureAwait(false);
            }

            if (count is not null && !run.Value(dryRun))
                topic = await client.Admin.CreatePartitionsAsync(run.Value(name), (int)count, cancellationToken).ConfigureAwait(false);
            topic ??= await client.Admin.DescribeTopicAsync(run.Value(name), cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
                run.WriteJson(json => TopicJson.Write(json, topic));
            else
                run.Say($"{(run.Value(dryRun) ? "Could alter" : "Altered")} topic {topic.Name}: " +
                    $"{TopicText.Partitions(topic.Partitions.Count)}, {ConfigText(topic)}.");
            return ExitCode.Ok;
        });
    }

    private static Dictionary<string, string?> Changes(Dictionary<string, string> configs, string[] deleted)
    {
        var changes = configs.ToDictionary(static pair => pair.Key, static pair => (string?)pair.Value, StringComparer.Ordinal);
        foreach (var name in deleted)
        {
            if (!changes.TryAdd(name, null))
                throw new UsageException($"'{name}' is both set and deleted, or deleted twice.");
        }

        return changes;
    }

    private static string ConfigText(TopicDescription topic) => topic.Overrides.Count == 0
        ? "all configurations have their defaults"
        : string.Join(", ", topic.Overrides
            .OrderBy(static pair => pair.Key, StringComparer.Ordinal)
            .Select(static pair => $"{pair.Key}={pair.Value}"));
}
