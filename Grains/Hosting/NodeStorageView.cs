using System.Globalization;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Hosting;

/// <summary>What this node keeps, and by which settings, as Kafka's tools ask for it. Thread-safe.</summary>
internal sealed class NodeStorageView(IOptions<OrleansLogOptions> options, LocalNode node, LogHost host)
{
    /// <summary>The settings by Kafka's names.</summary>
    public IReadOnlyDictionary<string, string> Settings => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["advertised.listeners"] = node.Description.KafkaEndpoint is { } kafka ? $"PLAINTEXT://{kafka}" : string.Empty,
        ["broker.id"] = Text(node.NodeId),
        ["broker.rack"] = options.Value.Rack ?? string.Empty,
        ["default.replication.factor"] = Text(options.Value.DefaultReplicationFactor),
        ["fetch.max.bytes"] = Text(options.Value.MaxFetchBytes),
        ["log.dirs"] = Path.GetFullPath(options.Value.DataDirectory),
        ["log.retention.check.interval.ms"] = Text((long)options.Value.RetentionCheckInterval.TotalMilliseconds),
        ["node.id"] = Text(node.NodeId),
        ["num.partitions"] = Text(options.Value.DefaultPartitions),
        ["offsets.topic.num.partitions"] = Text(options.Value.OffsetsTopicPartitions),
        ["offsets.topic.replication.factor"] = Text(options.Value.OffsetsTopicReplicationFactor),
        ["replica.lag.time.max.ms"] = Text((long)options.Value.ReplicaLagTimeMax.TotalMilliseconds),
    };

    /// <summary>Looks at the disk.</summary>
    public NodeStorage Describe()
    {
        var manager = host.Manager;
        var (total, usable) = DiskOf(manager.DataDirectoryPath);
        return new NodeStorage(
            manager.DataDirectoryPath, total, usable, [.. manager.PartitionsOnDisk.Select(partition => Describe(manager, partition))]);
    }

    private static StoredReplica Describe(LogManager manager, TopicPartition partition) => new(
        partition,
        manager.TryGetLog(partition)?.SizeInBytes ?? SizeOf(Path.Combine(manager.DataDirectoryPath, partition.ToString())));

    private static long SizeOf(string directory)
    {
        try
        {
            return new DirectoryInfo(directory).EnumerateFiles("*.log").Sum(static file => file.Length);
        }
        catch (IOException)
        {
            // It was deleted meanwhile.
            return 0;
        }
    }

    private static (long Total, long Usable) DiskOf(string path)
    {
        try
        {
            var drive = new DriveInfo(path);
            return (drive.TotalSize, drive.AvailableFreeSpace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return (-1, -1);
        }
    }

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);
}
