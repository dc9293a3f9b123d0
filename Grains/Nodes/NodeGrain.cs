using System.Net;
using Orleans.GrainDirectory;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;

namespace OrleansLog.Grains.Nodes;

/// <summary>This node, as other nodes see it. It keeps nothing.</summary>
[NodePlacement, GrainDirectory(NodeBoundDirectory.Name)]
internal sealed class NodeGrain(NodeReplicas replicas, LeaderHints hints, LogHost host) : Grain, INodeGrain
{
    private static readonly TimeSpan ProbePatience = TimeSpan.FromMilliseconds(250);

    /// <inheritdoc/>
    public async Task<bool> CanReach(string address, int port) =>
        await PortProbe.TryAsync(new IPEndPoint(IPAddress.Parse(address), port), ProbePatience, CancellationToken.None)
            != ProbeResult.Refused;

    /// <inheritdoc/>
    public Task<int> GetLeaderEpoch(TopicPartition partition) =>
        Task.FromResult(replicas.FindLeader(partition) is { IsClosed: false } leader ? leader.State.LeaderEpoch : -1);

    /// <inheritdoc/>
    public Task<NodeUsage> DescribeUsage() => Task.Run(() =>
    {
        var manager = host.Manager;
        var partitions = manager.PartitionsOnDisk;
        var bytes = partitions.Sum(partition => SizeOf(Path.Combine(manager.DataDirectoryPath, partition.ToString())));
        return new NodeUsage(partitions.Count, replicas.Leaders.Count(leader => !leader.IsClosed), bytes);
    });

    /// <inheritdoc/>
    public Task<HeldOffice[]> DescribeOffices(TopicPartition[] partitions)
    {
        ArgumentNullException.ThrowIfNull(partitions);
        return Task.FromResult(Array.ConvertAll(partitions, replicas.FindOffice));
    }

    /// <inheritdoc/>
    public Task NoteLeaders(int nodeId, IReadOnlyList<Leadership> leaderships)
    {
        ArgumentNullException.ThrowIfNull(leaderships);
        foreach (var office in leaderships) hints.Note(office.Partition, nodeId, office.LeaderEpoch);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<int> Rehearse(TopicPartition partition) => RehearsalTopic.Is(partition.Topic)
        ? RehearsalTopic.UseAsync(GrainFactory.GetPartition(partition))
        : throw new OrleansLogException(ErrorCode.InvalidRequest, $"{partition} is not there to rehearse with.");

    private static long SizeOf(string folder)
    {
        try
        {
            return new DirectoryInfo(folder).EnumerateFiles("*.log").Sum(segment => segment.Length);
        }
        catch (IOException)
        {
            // It was deleted just now.
            return 0;
        }
    }
}
