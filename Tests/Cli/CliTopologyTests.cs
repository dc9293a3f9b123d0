using System.Text;
using OrleansLog.Cli.Hosting;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Tests.Cluster;
using Xunit;

namespace OrleansLog.Tests.Cli;

/// <summary>The commands that move replicas, on a cluster of three.</summary>
public sealed class CliTopologyTests
{
    [Fact]
    public async Task Replicas_are_moved_nodes_balanced_drained_and_let_in_again()
    {
        await using var cluster = await NodeCluster.StartAsync(3);
        await cluster.CreateTopicAsync("t", partitions: 4, replicas: 1);
        for (var partition = 0; partition < 4; partition++) await cluster.ProduceAsync("t", partition, "a");
        Assert.Contains("running", await RunAsync(cluster, "cluster nodes"), StringComparison.Ordinal);
        Assert.Equal("Nothing is being moved.\n", await RunAsync(cluster, "cluster reassignments"));

        Assert.Contains("4 partitions moved in ", await RunAsync(cluster, "topic reassign t --replication-factor 2 --wait"), StringComparison.Ordinal);
        var now = (await cluster.Grains.GetTopic("t").Describe()).Partitions[0].Replicas;
        var other = $"{now[1]},{Enumerable.Range(1, 3).Except(now).Single()}";
        Assert.Contains("1 partition moved in ", await RunAsync(cluster, $"topic reassign t -p 0 --replicas {other} --wait"), StringComparison.Ordinal);
        Assert.Equal("The replicas are there already.\n", await RunAsync(cluster, $"topic reassign t -p 0 --replicas {other}"));
        await RunAsync(cluster, "cluster balance --wait");
        Assert.Equal("The cluster is balanced.\n", await RunAsync(cluster, "cluster balance --dry-run"));

        var planned = await RunAsync(cluster, "cluster drain 2 --dry-run");
        Assert.StartsWith("Would drain node 2: ", planned, StringComparison.Ordinal);
        Assert.Contains("node 2 holds nothing", await RunAsync(cluster, "cluster drain 2 --wait"), StringComparison.OrdinalIgnoreCase);
        Assert.Contains("drain", await RunAsync(cluster, "cluster nodes"), StringComparison.Ordinal);
        Assert.Contains("3 of 3 nodes run", await RunAsync(cluster, "cluster describe"), StringComparison.Ordinal);
        await RunAsync(cluster, "cluster drain 2 --cancel");
        Assert.StartsWith("Would balance: ", await RunAsync(cluster, "cluster balance --dry-run"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("topic reassign t -p 0 --replicas 1,9", ExitCode.Failed, "InvalidReplicaAssignment: ")]
    [InlineData("topic reassign t -p 7 --replicas 1", ExitCode.Failed, "UnknownTopicOrPartition: ")]
    [InlineData("topic reassign nothing --replication-factor 1", ExitCode.Failed, "UnknownTopicOrPartition: ")]
    [InlineData("topic reassign t --replication-factor 2", ExitCode.Failed, "InvalidReplicationFactor: ")]
    [InlineData("topic reassign t -p 0 --cancel", ExitCode.Failed, "NoReassignmentInProgress: ")]
    [InlineData("cluster drain 1", ExitCode.Failed, "InvalidReplicationFactor: Node 1 cannot be drained")]
    [InlineData("cluster drain 5", ExitCode.Failed, "InvalidRequest: There is no node 5")]
    [InlineData("cluster drain 1 --forget", ExitCode.Failed, "InvalidRequest: Node 1 runs")]
    [InlineData("topic reassign t -p 0", ExitCode.Usage, "Give --partition with --replicas")]
    [InlineData("topic reassign t -p 0 --replicas 1,1", ExitCode.Usage, "names a node twice")]
    [InlineData("cluster drain 1 --cancel --wait", ExitCode.Usage, "stand alone")]
    public async Task What_cannot_be_is_refused_and_named(string line, int code, string message)
    {
        await using var cluster = await NodeCluster.StartAsync(1);
        await cluster.CreateTopicAsync("t", replicas: 1);
        var result = await TryRunAsync(cluster, line);
        Assert.Equal(code, result.Code);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(NodeCluster cluster, string line)
    {
        var result = await TryRunAsync(cluster, line);
        Assert.True(result.Code == ExitCode.Ok, $"{line}: {result.Code}: {result.Error}");
        return result.Output;
    }

    private static async Task<CliResult> TryRunAsync(NodeCluster cluster, string line)
    {
        using var output = new MemoryStream();
        using var error = new StringWriter { NewLine = "\n" };
        var host = new CliHost
        {
            Input = new MemoryStream(),
            Output = output,
            Error = TextWriter.Synchronized(error),
            ProbesFirst = false,
            Connect = (options, _) => Task.FromResult(new OrleansLogClient(cluster.Grains, options)),
        };
        var code = await new CliApp(host).RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries), CancellationToken.None);
        return new CliResult(code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }
}
