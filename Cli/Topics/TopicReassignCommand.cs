using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Cluster;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Cli.Topics;

/// <summary><c>topic reassign NAME</c>.</summary>
internal static class TopicReassignCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var name = new Argument<string>("name") { Description = "The topic." };
        var partition = ParsedOption.CreateNumber("--partition", 0, int.MaxValue, "The partition to move.");
        partition.Aliases.Add("-p");
        var replicas = ParsedOption.Create<int[]?>("--replicas", ParseNodes, "The nodes that are to hold it, the preferred leader first: 1,2,3");
        var factor = ParsedOption.CreateNumber("--replication-factor", 1, short.MaxValue, "How many replicas each partition is to have.");
        var cancel = new Option<bool>("--cancel") { Description = "Give up what is being moved, of --partition or of all." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be moved, and move nothing." };
        var wait = new Option<bool>("--wait", "-w") { Description = "Wait until all is moved." };
        var command = new Command("reassign", "Move a topic's replicas to other nodes, or change how many there are.")
        {
            name, partition, replicas, factor, cancel, dryRun, wait,
        };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            // An array that was not given is an empty one.
            var nodes = run.Value(replicas) is { Length: > 0 } given ? given : null;
            var (number, count) = ((int?)run.Value(partition), (int?)run.Value(factor));
            var ways = (nodes is null ? 0 : 1) + (count is null ? 0 : 1) + (run.Value(cancel) ? 1 : 0);
            if (ways != 1 || (nodes is not null && number is null) || (count is not null && number is not null))
                throw new UsageException("Give --partition with --replicas, or --replication-factor, or --cancel.");
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var topic = run.Value(name);
            if (run.Value(cancel)) return await CancelAsync(run, client.Admin, topic, number, cancellationToken).ConfigureAwait(false);
            var executes = !run.Value(dryRun);
            var moves = count is { } asked
                ? await client.Admin.SetReplicationFactorAsync(topic, asked, executes, cancellationToken).ConfigureAwait(false)
                : await MoveAsync(client.Admin, new TopicPartition(topic, number!.Value), nodes!, executes, cancellationToken).ConfigureAwait(false);
            if (moves.Count == 0 && !run.Settings.Json)
            {
                run.Say("The replicas are there already.");
                return ExitCode.Ok;
            }

            MoveText.Write(run, $"{(executes ? "Reassigning" : "Would reassign")} topic {topic}: {MoveText.Summary(moves)}.", moves, executes);
            if (executes && run.Value(wait))
            {
                await MoveProgress.WaitAsync(run, client.Admin, moves.Select(static move => move.Partition).ToHashSet(), cancellationToken)
                    .ConfigureAwait(false);
            }

            return ExitCode.Ok;
        });
    }

    private static int[] ParseNodes(string text)
    {
        int[] nodes = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(static part => (int)Numbers.Parse(part, 0, int.MaxValue))];
        return nodes.Distinct().Count() == nodes.Length ? nodes : throw new FormatException($"'{text}' names a node twice.");
    }

    private static async Task<IReadOnlyList<ReplicaMove>> MoveAsync(
        AdminClient admin, TopicPartition partition, int[] nodes, bool executes, CancellationToken cancellationToken)
    {
        var topic = await admin.DescribeTopicAsync(partition.Topic, cancellationToken).ConfigureAwait(false);
        if (partition.Partition >= topic.Partitions.Count)
        {
            throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, string.Create(
                CultureInfo.InvariantCulture,
                $"Topic '{topic.Name}' has {topic.Partitions.Count} partitions; there is no partition {partition.Partition}."));
        }

        var now = topic.Partitions[partition.Partition].Replicas;
        if (executes)
        {
            await admin.ReassignPartitionsAsync(
                new Dictionary<TopicPartition, IReadOnlyList<int>?> { [partition] = nodes }, cancellationToken).ConfigureAwait(false);
        }

        return now.SequenceEqual(nodes) ? [] : [new ReplicaMove(partition, now, nodes)];
    }

    private static async Task<int> CancelAsync(
        CommandRun run, AdminClient admin, string topic, int? partition, CancellationToken cancellationToken)
    {
        var running = await admin.ListReassignmentsAsync(topic, cancellationToken).ConfigureAwait(false);
        var asked = partition is { } number
            ? [new TopicPartition(topic, number)]
            : running.Select(static each => each.Partition).ToArray();
        await admin.ReassignPartitionsAsync(
            asked.ToDictionary(static each => each, static _ => (IReadOnlyList<int>?)null), cancellationToken).ConfigureAwait(false);
        run.Say(asked.Length == 0 ? "Nothing is being moved." : $"Gave up moving {TopicText.Partitions(asked.Length)} of topic {topic}.");
        return ExitCode.Ok;
    }
}
