using System.CommandLine;
using OrleansLog.Cli.Cluster;
using OrleansLog.Cli.Consume;
using OrleansLog.Cli.Groups;
using OrleansLog.Cli.Hosting;
using OrleansLog.Cli.Perf;
using OrleansLog.Cli.Produce;
using OrleansLog.Cli.Topics;

namespace OrleansLog.Cli;

/// <summary>The tree of commands.</summary>
internal static class Commands
{
    /// <summary>Builds it.</summary>
    public static RootCommand Create(CliApp app)
    {
        var root = new RootCommand("Work with an OrleansLog cluster: topics, records, consumer groups.")
        {
            new Command("topic", "Create, list, describe, alter, move and delete topics.")
            {
                TopicCreateCommand.Create(app),
                TopicListCommand.Create(app),
                TopicDescribeCommand.Create(app),
                TopicAlterCommand.Create(app),
                TopicReassignCommand.Create(app),
                TopicDeleteCommand.Create(app),
                TopicDeleteRecordsCommand.Create(app),
            },
            ProduceCommand.Create(app),
            ConsumeCommand.Create(app),
            new Command("group", "List, describe, reset and delete consumer groups.")
            {
                GroupListCommand.Create(app),
                GroupDescribeCommand.Create(app),
                GroupResetCommand.Create(app),
                GroupDeleteCommand.Create(app),
            },
            new Command("cluster", "Show the cluster, and move replicas between its nodes.")
            {
                ClusterDescribeCommand.Create(app),
                ClusterNodesCommand.Create(app),
                ClusterBalanceCommand.Create(app),
                ClusterDrainCommand.Create(app),
                ClusterReassignmentsCommand.Create(app),
            },
            new Command("perf", "Measure producing and consuming.")
            {
                PerfProduceCommand.Create(app),
                PerfConsumeCommand.Create(app),
            },
        };
        foreach (var option in app.Globals.All)
        {
            option.Recursive = true;
            root.Options.Add(option);
        }

        return root;
    }
}
