using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Cli.Topics;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Cli.Cluster;

/// <summary><c>cluster reassignments</c>.</summary>
internal static class ClusterReassignmentsCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var cancel = new Option<bool>("--cancel") { Description = "Give all of them up; the replicas go back to what they were." };
        var command = new Command("reassignments", "Show the replicas that are being moved.") { cancel };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var running = await client.Admin.ListReassignmentsAsync(null, cancellationToken).ConfigureAwait(false);
            if (run.Value(cancel) && running.Count > 0)
            {
                await client.Admin.ReassignPartitionsAsync(
                    running.ToDictionary(static each => each.Partition, static _ => (IReadOnlyList<int>?)null), cancellationToken)
                    .ConfigureAwait(false);
            }

            Write(run, running, run.Value(cancel));
            return ExitCode.Ok;
        });
    }

    private static void Write(CommandRun run, IReadOnlyList<PartitionReassignment> running, bool cancelled)
    {
        if (run.Settings.Json)
        {
            run.WriteJson(json =>
            {
                json.WriteStartObject();
                json.WriteBoolean("cancelled", cancelled);
                json.WriteObjects("reassignments", running, each =>
                {
                    json.WriteString("topic", each.Partition.Topic);
                    json.WriteNumber("partition", each.Partition.Partition);
                    MoveText.WriteNodes(json, "replicas", each.Replicas);
                    MoveText.WriteNodes(json, "adding", each.Adding);
                    MoveText.WriteNodes(json, "removing", each.Removing);
                });
                json.WriteEndObject();
            });
            return;
        }

        if (running.Count == 0)
        {
            run.Say("Nothing is being moved.");
            return;
        }

        var table = new Table("topic", "partition#", "replicas", "adding", "removing")
        {
            Title = $"{TopicText.Partitions(running.Count)} {(cancelled ? "given up" : "being moved")}",
        };
        foreach (var each in running)
        {
            table.Add(
                each.Partition.Topic,
                each.Partition.Partition.ToString(CultureInfo.InvariantCulture),
                TopicText.Nodes(each.Replicas),
                each.Adding.Count == 0 ? "-" : TopicText.Nodes(each.Adding),
                each.Removing.Count == 0 ? "-" : TopicText.Nodes(each.Removing));
        }

        run.Write(table);
    }
}
