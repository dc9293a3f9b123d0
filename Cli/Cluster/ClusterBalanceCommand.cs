using System.CommandLine;
using OrleansLog.Cli.Hosting;

namespace OrleansLog.Cli.Cluster;

/// <summary><c>cluster balance</c>.</summary>
internal static class ClusterBalanceCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app)
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Show what would be moved, and move nothing." };
        var wait = new Option<bool>("--wait", "-w") { Description = "Wait until all is moved." };
        var command = new Command(
            "balance", "Even out replicas and leaders over the nodes and racks; a new node gets its share.") { dryRun, wait };
        return app.Handle(command, async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var executes = !run.Value(dryRun);
            var moves = await client.Admin.BalanceAsync(executes, cancellationToken).ConfigureAwait(false);
            if (moves.Count == 0 && !run.Settings.Json)
            {
                run.Say("The cluster is balanced.");
                return ExitCode.Ok;
            }

            MoveText.Write(run, $"{(executes ? "Balancing" : "Would balance")}: {MoveText.Summary(moves)}.", moves, executes);
            if (executes && run.Value(wait))
            {
                await MoveProgress.WaitAsync(run, client.Admin, moves.Select(static move => move.Partition).ToHashSet(), cancellationToken)
                    .ConfigureAwait(false);
            }

            return ExitCode.Ok;
        });
    }
}
