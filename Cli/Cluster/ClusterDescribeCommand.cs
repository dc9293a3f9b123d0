using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;
using OrleansLog.Cli.Topics;

namespace OrleansLog.Cli.Cluster;

/// <summary><c>cluster describe</c>.</summary>
internal static class ClusterDescribeCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app) => app.Handle(
        new Command("describe", "Show the cluster's id, its nodes, and whether replicas are being moved."),
        async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var cluster = await client.Admin.DescribeClusterAsync(cancellationToken).ConfigureAwait(false);
            var nodes = await client.Admin.DescribeNodesAsync(cancellationToken).ConfigureAwait(false);
            var moving = (await client.Admin.ListReassignmentsAsync(null, cancellationToken).ConfigureAwait(false)).Count;
            if (run.Settings.Json)
            {
                run.WriteJson(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("clusterId", cluster.ClusterId);
                    json.WriteNumber("reassignments", moving);
                    json.WriteObjects("nodes", nodes, node =>
                    {
                        json.WriteNumber("nodeId", node.NodeId);
                        json.WriteString("state", ClusterNodesCommand.StateOf(node));
                        json.WriteString("rack", node.Status.Node.Rack);
                        json.WriteString("host", node.Status.Node.Host);
                        json.WriteNumber("kafkaPort", node.Status.Node.KafkaPort);
                    });
                    json.WriteEndObject();
                });
                return ExitCode.Ok;
            }

            var title = $"Cluster {cluster.ClusterId}: {Count(nodes.Count(static node => node.Status.IsRunning), nodes.Count)} nodes run"
                + (moving == 0 ? "" : $", {TopicText.Partitions(moving)} being moved");
            run.Write(ClusterNodesCommand.TableOf(nodes, title));
            return ExitCode.Ok;
        });

    private static string Count(int running, int all) => string.Create(CultureInfo.InvariantCulture, $"{running} of {all}");
}
