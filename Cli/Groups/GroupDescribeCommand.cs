using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Groups;

/// <summary><c>group describe NAME</c>.</summary>
internal static class GroupDescribeCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The group." };
        var command = new Command("describe", "Show a group's members, and its offset and lag in each partition.") { name };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var group = await client.Admin.DescribeGroupAsync(run.Value(name), cancellationToken).ConfigureAwait(false);
            var offsets = await client.Admin.ListGroupOffsetsAsync(group.GroupId, cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
            {
                run.WriteJson(json => WriteJson(json, group, offsets));
                return ExitCode.Ok;
            }

            run.Write(OffsetTable(group, offsets));
            if (group.Members.Count > 0)
            {
                run.Say("");
                run.Write(MemberTable(group, offsets));
            }

            return ExitCode.Ok;
        });
    }

    internal static Table OffsetTable(GroupDescription group, IReadOnlyList<GroupOffset> offsets)
    {
        var table = new Table("topic", "partition#", "committed#", "end#", "lag#", "member", "client")
        {
            Title = $"Group {group.GroupId}: {group.State}, epoch {Text(group.GroupEpoch)}, assignor {group.Assignor}, " +
                $"{Text(group.Members.Count)} {(group.Members.Count == 1 ? "member" : "members")}, " +
                $"lag {Quantity.Count(offsets.Sum(static offset => offset.Lag ?? 0))}",
        };
        foreach (var offset in offsets)
        {
            table.Add(
                offset.Partition.Topic,
                Text(offset.Partition.Partition),
                Text(offset.Offset),
                Text(offset.HighWatermark),
                offset.Lag is { } lag ? Text(lag) : "-",
                offset.MemberId ?? "-",
                offset.ClientId ?? "-");
        }

        return table;
    }

    internal static Table MemberTable(GroupDescription group, IReadOnlyList<GroupOffset> offsets)
    {
        var table = new Table("member", "client", "instance", "epoch#", "partitions", "to own", "lag#");
        foreach (var member in group.Members)
        {
            var lag = offsets.Where(offset => offset.MemberId == member.MemberId).Sum(static offset => offset.Lag ?? 0);
            table.Add(
                member.MemberId,
                member.ClientId,
                member.InstanceId ?? "-",
                Text(member.MemberEpoch),
                PartitionText.Of(member.Assignment),
                PartitionText.Of(member.TargetAssignment),
                Text(lag));
        }

        return table;
    }

    private static string Text(long number) => number < 0 ? "-" : number.ToString(CultureInfo.InvariantCulture);

    private static void WriteJson(Utf8JsonWriter json, GroupDescription group, IReadOnlyList<GroupOffset> offsets)
    {
        json.WriteStartObject();
        json.WriteString("group", group.GroupId);
        json.WriteString("state", group.State);
        json.WriteNumber("epoch", group.GroupEpoch);
        json.WriteString("assignor", group.Assignor);
        json.WriteNumber("lag", offsets.Sum(static offset => offset.Lag ?? 0));
        json.WriteObjects("partitions", offsets, offset =>
        {
            json.WriteString("topic", offset.Partition.Topic);
            json.WriteNumber("partition", offset.Partition.Partition);
            WriteKnown(json, "committedOffset", offset.Offset);
            WriteKnown(json, "highWatermark", offset.HighWatermark);
            WriteKnown(json, "lag", offset.Lag ?? -1);
            WriteKnown(json, "commitTimestampMs", offset.CommitTimestampMs);
            json.WriteString("memberId", offset.MemberId);
            json.WriteString("clientId", offset.ClientId);
        });
        json.WriteObjects("members", group.Members, member =>
        {
            json.WriteString("memberId", member.MemberId);
            json.WriteString("instanceId", member.InstanceId);
            json.WriteString("clientId", member.ClientId);
            json.WriteNumber("epoch", member.MemberEpoch);
            WriteTexts(json, "assignment", member.Assignment.Select(static partition => partition.ToString()));
            WriteTexts(json, "targetAssignment", member.TargetAssignment.Select(static partition => partition.ToString()));
        });
        json.WriteEndObject();
    }

    private static void WriteKnown(Utf8JsonWriter json, string name, long value)
    {
        if (value < 0)
            json.WriteNull(name);
        else
            json.WriteNumber(name, value);
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IEnumerable<string> texts)
    {
        json.WriteStartArray(name);
        foreach (var text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
