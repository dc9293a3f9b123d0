using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Records;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic delete-records NAME --partition N --before OFFSET</c>.</summary>
internal static class TopicDeleteRecordsCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The topic." };
        var partition = ParsedOption.CreateNumber("--partition", 0, int.MaxValue, "The partition.");
        partition.Aliases.Add("-p");
        partition.Required = true;
        var before = ParsedOption.Create<long?>(
            "--before",
            static text => text == "end" ? -1 : Numbers.Parse(text, 0, long.MaxValue),
            "The first offset to keep; 'end' to delete all records there are.");
        before.HelpName = "offset|end";
        before.Required = true;
        var command = new Command("delete-records", "Delete a partition's records before an offset.") { name, partition, before };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var target = new TopicPartition(run.Value(name), (int)run.Value(partition)!.Value);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var start = await client.Admin.DeleteRecordsAsync(target, run.Value(before)!.Value, cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
                run.WriteJson(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("topic", target.Topic);
                    json.WriteNumber("partition", target.Partition);
                    json.WriteNumber("logStartOffset", start);
                    json.WriteEndObject();
                });
            else
                run.Say(string.Create(CultureInfo.InvariantCulture, $"{target} now begins at offset {start}."));
            return ExitCode.Ok;
        });
    }
}
