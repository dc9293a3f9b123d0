using System.Collections.Concurrent;
using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Groups;

/// <summary><c>group list</c>.</summary>
internal static class GroupListCommand
{
    private const int ParallelGroups = 8;

    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var withLag = new Option<bool>("--lag") { Description = "Add up each group's lag too: a question to every partition." };
        var command = new Command("list", "List consumer groups.") { withLag };
        command.Aliases.Add("ls");
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var ids = await client.Admin.ListGroupsAsync(cancellationToken).ConfigureAwait(false);
            var found = new ConcurrentBag<Group>();
            await Parallel.ForEachAsync(
                ids,
                new ParallelOptions { MaxDegreeOfParallelism = ParallelGroups, CancellationToken = cancellationToken },
                async (id, stop) =>
                {
                    if (await FindAsync(client.Admin, id, run.Value(withLag), stop).ConfigureAwait(false) is { } group)
                        found.Add(group);
                }).ConfigureAwait(false);
            List<Group> groups = [.. found.OrderBy(static group => group.Id, StringComparer.Ordinal)];
            if (run.Settings.Json)
                WriteJson(run, groups);
            else if (groups.Count == 0)
                run.Say("There are no consumer groups. One comes to be with `orleanslog consume TOPIC --group NAME`.");
            else
                run.Write(TableOf(groups));
            return ExitCode.Ok;
        });
    }

    /// <returns>Null for a group that was deleted meanwhile.</returns>
    private static async Task<Group?> FindAsync(AdminClient admin, string id, bool withLag, CancellationToken cancellationToken)
    {
        try
        {
            var description = await admin.DescribeGroupAsync(id, cancellationToken).ConfigureAwait(false);
            long? lag = null;
            if (withLag)
                lag = (await admin.ListGroupOffsetsAsync(id, cancellationToken).ConfigureAwait(false)).Sum(static offset => offset.Lag ?? 0);
            return new Group(id, description.State, description.Members.Count, lag);
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.GroupIdNotFound)
        {
            return null;
        }
    }

    private static Table TableOf(List<Group> groups)
    {
        var table = new Table("group", "state", "members#", "lag#");
        foreach (var group in groups)
        {
            table.Add(
                group.Id,
                group.State,
                group.Members.ToString(CultureInfo.InvariantCulture),
                group.Lag?.ToString(CultureInfo.InvariantCulture) ?? "-");
        }

        return table;
    }

    private static void WriteJson(CommandRun run, List<Group> groups) => run.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteObjects("groups", groups, group =>
        {
            json.WriteString("group", group.Id);
            json.WriteString("state", group.State);
            json.WriteNumber("members", group.Members);
            if (group.Lag is { } lag)
                json.WriteNumber("lag", lag);
        });
        json.WriteEndObject();
    });

    private sealed record Group(string Id, string State, int Members, long? Lag);
}
