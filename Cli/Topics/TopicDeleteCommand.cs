using System.CommandLine;
using OrleansLog.Cli.Hosting;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic delete NAME</c>.</summary>
internal static class TopicDeleteCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The topic." };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask." };
        var command = new Command("delete", "Delete a topic with all its records.") { name, yes };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var topic = run.Value(name);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            if (!run.Value(yes))
            {
                var found = await client.Admin.DescribeTopicAsync(topic, cancellationToken).ConfigureAwait(false);
                var question = $"Delete topic {topic}, {TopicText.Partitions(found.Partitions.Count)} with all their records?";
                if (!await Confirmation.AskAsync(run, question, cancellationToken).ConfigureAwait(false))
                    return ExitCode.Failed;
            }

            await client.Admin.DeleteTopicAsync(topic, cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
                run.WriteJson(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("deleted", topic);
                    json.WriteEndObject();
                });
            else
                run.Say($"Deleted topic {topic}.");
            return ExitCode.Ok;
        });
    }
}
