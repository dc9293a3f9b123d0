using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Groups;

/// <summary><c>group reset NAME --topic T --to-...</c>.</summary>
internal static class GroupResetCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The group; it must have no members. Made if there is none." };
        var topics = new Option<string[]>("--topic", "-t") { Description = "A topic; may be repeated.", Required = true };
        var partitions = ParsedOption.CreateMany(
            "--partition",
            static texts => (int[])[.. texts.Select(static text => (int)Numbers.Parse(text, 0, int.MaxValue))],
            [],
            "A partition of the topics; may be repeated. Default: all.");
        partitions.Aliases.Add("-p");
        var target = new OffsetResetOptions(app.Time);
        var execute = new Option<bool>("--execute") { Description = "Do it; without this the plan is only shown." };
        var command = new Command("reset", "Set a group's committed offsets; shows the plan unless told to --execute.")
        {
            name, topics, partitions, execute,
        };
        target.AddTo(command);
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var reset = target.Read(run.Parse);
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var chosen = await PartitionsAsync(client.Admin, run.Value(topics)!, run.Value(partitions)!, cancellationToken)
                .ConfigureAwait(false);
            var group = run.Value(name);
            var state = await GroupResetPlan.ReadStateAsync(client.Admin, group, chosen, reset, cancellationToken).ConfigureAwait(false);
            var plan = PlanOf(state, reset);
            if (run.Value(execute))
            {
                await RequireNoMembersAsync(client.Admin, group, cancellationToken).ConfigureAwait(false);
                await client.Admin.AlterGroupOffsetsAsync(
                    group,
                    plan.Select(static part => KeyValuePair.Create(part.State.Partition, part.NewOffset)),
                    cancellationToken).ConfigureAwait(false);
            }

            Write(run, group, plan, reset, run.Value(execute));
            return ExitCode.Ok;
        });
    }

    private static IReadOnlyList<PlannedReset> PlanOf(IReadOnlyList<PartitionOffsets> state, OffsetReset reset)
    {
        try
        {
            return GroupResetPlan.Make(state, reset);
        }
        catch (FormatException exception)
        {
            throw new UsageException(exception.Message);
        }
    }

    private static async Task<IReadOnlyList<TopicPartition>> PartitionsAsync(
        AdminClient admin, string[] topics, int[] wanted, CancellationToken cancellationToken)
    {
        var result = new List<TopicPartition>();
        foreach (var topic in topics.Distinct(StringComparer.Ordinal))
        {
            var count = (await admin.DescribeTopicAsync(topic, cancellationToken).ConfigureAwait(false)).Partitions.Count;
            foreach (var partition in wanted.Length == 0 ? Enumerable.Range(0, count) : wanted.Distinct().Order())
            {
                if (partition >= count)
                    throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, string.Create(
                        CultureInfo.InvariantCulture, $"Topic '{topic}' has {count} partitions; there is no partition {partition}."));
                result.Add(new TopicPartition(topic, partition));
            }
        }

        return result;
    }

    private static async Task RequireNoMembersAsync(AdminClient admin, string group, CancellationToken cancellationToken)
    {
        try
        {
            var members = (await admin.DescribeGroupAsync(group, cancellationToken).ConfigureAwait(false)).Members.Count;
            if (members > 0)
                throw new OrleansLogException(ErrorCode.NonEmptyGroup, string.Create(
                    CultureInfo.InvariantCulture,
                    $"Group '{group}' has {members} {(members == 1 ? "member" : "members")}; its offsets can be reset once they have left."));
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.GroupIdNotFound)
        {
            // setting its offsets makes the group
        }
    }

    private static void Write(CommandRun run, string group, IReadOnlyList<PlannedReset> plan, OffsetReset reset, bool executed)
    {
        if (run.Settings.Json)
        {
            run.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteString("group", group);
                json.WriteBoolean("executed", executed);
                json.WriteObjects("partitions", plan, part =>
                {
                    json.WriteString("topic", part.State.Partition.Topic);
                    json.WriteNumber("partition", part.State.Partition.Partition);
                    if (part.State.Committed < 0)
                        json.WriteNull("committedOffset");
                    else
                        json.WriteNumber("committedOffset", part.State.Committed);
                    json.WriteNumber("newOffset", part.NewOffset);
                    json.WriteNumber("lag", part.State.End - part.NewOffset);
                });
                json.WriteEndObject();
            });
            return;
        }

        run.Write(TableOf(plan, $"{(executed ? "Reset" : "Would reset")} group {group} {reset}:"));
        if (!executed)
            run.Say("Nothing was changed; add --execute to do it.");
    }

    internal static Table TableOf(IReadOnlyList<PlannedReset> plan, string title)
    {
        var table = new Table("topic", "partition#", "committed#", "new offset#", "change#", "lag then#") { Title = title };
        foreach (var part in plan)
        {
            table.Add(
                part.State.Partition.Topic,
                part.State.Partition.Partition.ToString(CultureInfo.InvariantCulture),
                part.State.Committed < 0 ? "-" : part.State.Committed.ToString(CultureInfo.InvariantCulture),
                part.NewOffset.ToString(CultureInfo.InvariantCulture),
                part.Change?.ToString("+0;-0;0", CultureInfo.InvariantCulture) ?? "-",
                (part.State.End - part.NewOffset).ToString(CultureInfo.InvariantCulture));
        }

        return table;
    }
}
