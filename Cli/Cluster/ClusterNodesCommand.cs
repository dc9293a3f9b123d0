using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Client;

namespace OrleansLog.Cli.Cluster;

/// <summary><c>cluster nodes</c>.</summary>
internal static class ClusterNodesCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app) => app.Handle(
        new Command("nodes", "Show the nodes, whether they run, and what they hold."),
        async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var nodes = await client.Admin.DescribeNodesAsync(cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json) WriteJson(run, nodes);
            else run.Write(TableOf(nodes));
            return ExitCode.Ok;
        });

    /// <summary>The nodes as a table.</summary>
    public static Table TableOf(IReadOnlyList<NodeReport> nodes, string? title = null)
    {
        var table = new Table("node#", "state", "host", "rack", "gateway", "kafka port#", "replicas#", "on disk#", "leads#", "size#") { Title = title };
        foreach (var node in nodes)
        {
            table.Add(
                Text(node.NodeId),
                StateOf(node),
                node.Status.Node.Host,
                node.Status.Node.Rack ?? "-",
                node.Status.Gateway ?? "-",
                node.Status.Node.KafkaPort == 0 ? "-" : Text(node.Status.Node.KafkaPort),
                Text(node.AssignedReplicas),
                node.Usage is { } usage ? Text(usage.Replicas) : "-",
                node.Usage is { } leads ? Text(leads.Leaders) : "-",
                node.Usage is { } size ? Quantity.Bytes(size.Bytes) : "-");
        }

        return table;
    }

    /// <summary>"running", "draining", "drained", "down", or "down, draining".</summary>
    public static string StateOf(NodeReport node) => (node.Status.IsRunning, node.Status.IsDraining) switch
    {
        (true, false) => "running",
        (true, true) => node.IsEmpty ? "drained" : "draining",
        (false, false) => "down",
        (false, true) => node.AssignedReplicas == 0 ? "down, drained" : "down, draining",
    };

    private static void WriteJson(CommandRun run, IReadOnlyList<NodeReport> nodes) => run.WriteJson(json =>
    {
        json.WriteStartObject();
        json.WriteObjects("nodes", nodes, node =>
        {
            json.WriteNumber("nodeId", node.NodeId);
            json.WriteBoolean("running", node.Status.IsRunning);
            json.WriteBoolean("draining", node.Status.IsDraining);
            json.WriteString("host", node.Status.Node.Host);
            json.WriteString("rack", node.Status.Node.Rack);
            json.WriteString("gateway", node.Status.Gateway);
            json.WriteNumber("kafkaPort", node.Status.Node.KafkaPort);
            json.WriteNumber("replicas", node.AssignedReplicas);
            if (node.Usage is not { } usage) return;
            json.WriteNumber("replicasOnDisk", usage.Replicas);
            json.WriteNumber("leaders", usage.Leaders);
            json.WriteNumber("bytes", usage.Bytes);
        });
        json.WriteEndObject();
    });

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
