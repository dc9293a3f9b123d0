using System.CommandLine;
using OrleansLog.Cli.Hosting;

namespace OrleansLog.Cli.Groups;

/// <summary><c>group delete NAME</c>.</summary>
internal static class GroupDeleteCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The group; it must have no members." };
        var command = new Command("delete", "Delete a group with its committed offsets.") { name };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var group = run.Value(name);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            await client.Admin.DeleteGroupAsync(group, cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
                run.WriteJson(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("deleted", group);
                    json.WriteEndObject();
                });
            else
                run.Say($"Deleted group {group}.");
            return ExitCode.Ok;
        });
    }
}
