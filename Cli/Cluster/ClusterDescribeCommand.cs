using System.CommandLine;
using System.Globalization;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Rendering;

namespace OrleansLog.Cli.Cluster;

/// <summary><c>cluster describe</c>.</summary>
internal static class ClusterDescribeCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Create(CliApp app) => app.Handle(
        new Command("describe", "Show the cluster's id and nodes."),
        async (run, cancellationToken) =>
        {
            var client = await run.ConnectAsync(cancellationToken).ConfigureAwait(false);
            var cluster = await client.Admin.DescribeClusterAsync(cancellationToken).ConfigureAwait(false);
            if (run.Settings.Json)
            {
                run.WriteJson(json =>
                {
                    json.WriteStartObject();
                    json.WriteString("clusterId", cluster.ClusterId);
                    json.WriteObjects("nodes", cluster.Nodes, node =>
                    {
                        json.WriteNumber("nodeId", node.NodeId);
                        json.WriteString("rack", node.Rack);
                        json.WriteString("host", node.Host);
                        json.WriteNumber("kafkaPort", node.KafkaPort);
                    });
                    json.WriteEndObject();
                });
                return ExitCode.Ok;
            }

            var table = new Table("node#", "host", "rack", "kafka port#") { Title = $"Cluster {cluster.ClusterId}" };
            foreach (var node in cluster.Nodes)
            {
                table.Add(
                    node.NodeId.ToString(CultureInfo.InvariantCulture),
                    node.Host,
                    node.Rack ?? "-",
                    node.KafkaPort == 0 ? "-" : node.KafkaPort.ToString(CultureInfo.InvariantCulture));
            }

            run.Write(table);
            return ExitCode.Ok;
        });
}
