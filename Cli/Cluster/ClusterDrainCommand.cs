using System.CommandLine;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Parsing;
using OrleansLog.Client;

namespace OrleansLog.Cli.Cluster;

/// <summary><c>cluster drain NODE</c>.</summary>
internal static class ClusterDrainCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var node = new Argument<int>("node") { Description = "The node's number." };
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be moved, and move nothing." };
        var wait = new Option<bool>("--wait", "-w") { Description = "Wait until the node holds nothing." };
        var cancel = new Option<bool>("--cancel") { Description = "Let the node have new replicas again." };
        var forget = new Option<bool>("--forget") { Description = "Forget a node that holds nothing and does not run." };
        var command = new Command("drain", "Move everything from a node, so that it can be taken out.") { node, dryRun, wait, cancel, forget };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var (id, cancels, forgets) = (run.Value(node), run.Value(cancel), run.Value(forget));
            if ((cancels && forgets) || ((cancels || forgets) && (run.Value(dryRun) || run.Value(wait))))
                throw new UsageException("--cancel and --forget stand alone.");
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            if (cancels)
            {
                await client.Admin.CancelDrainAsync(id, cancellationToken).ConfigureAwait(false);
                run.Say($"Node {id} gets new replicas again. 'cluster balance' gives it its share.");
            }
            else if (forgets)
            {
                await client.Admin.ForgetNodeAsync(id, cancellationToken).ConfigureAwait(false);
                run.Say($"Node {id} is forgotten.");
            }
            else
            {
                await DrainAsync(run, client.Admin, id, executes: !run.Value(dryRun), run.Value(wait), cancellationToken).ConfigureAwait(false);
            }

            return ExitCode.Ok;
        });
    }

    private static async Task DrainAsync(
        CommandRun run, AdminClient admin, int node, bool executes, bool waits, CancellationToken cancellationToken)
    {
        var moves = await admin.DrainAsync(node, executes, cancellationToken).ConfigureAwait(false);
        if (moves.Count > 0 || run.Settings.Json)
            MoveText.Write(run, $"{(executes ? "Draining" : "Would drain")} node {node}: {MoveText.Summary(moves)}.", moves, executes);
        if (!executes) return;
        if (waits)
        {
            // What was under way before goes from it as well.
            var running = await admin.ListReassignmentsAsync(null, cancellationToken).ConfigureAwait(false);
            var partitions = running.Where(each => each.Removing.Contains(node)).Select(static each => each.Partition).ToHashSet();
            partitions.UnionWith(moves.Select(static move => move.Partition));
            await MoveProgress.WaitAsync(run, admin, partitions, cancellationToken).ConfigureAwait(false);
        }

        var nodes = await admin.DescribeNodesAsync(cancellationToken).ConfigureAwait(false);
        var left = await admin.ListReassignmentsAsync(null, cancellationToken).ConfigureAwait(false);
        if (nodes.Any(each => each.NodeId == node && each.AssignedReplicas == 0) && !left.Any(each => each.Replicas.Contains(node)))
            run.Say($"Node {node} holds nothing. It can be stopped; 'cluster drain {node} --forget' then takes it from the list.");
        else
            run.Say($"Node {node} is being drained; 'cluster nodes' shows how far it is.");
    }
}
