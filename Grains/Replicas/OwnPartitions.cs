using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// The partitions that this node has to look after: those that their topics assign to it, whether or not anything of them is here (a
/// disk may have been wiped), and those that have a folder here, whether or not they still belong here.
/// </summary>
internal sealed partial class OwnPartitions(
    LogHost host, LocalNode node, IGrainFactory grains, TimeProvider time, ILogger<OwnPartitions> logger)
{
    private const int Parallelism = 16;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>All of them, once each, in no order.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The partitions; and whether all topics could be asked.</returns>
    /// <exception cref="OrleansLogException">The list of topics cannot be had.</exception>
    /// <exception cref="TimeoutException">The list of topics cannot be had.</exception>
    public async Task<(IReadOnlyCollection<TopicPartition> Partitions, bool IsComplete)> ListAsync(CancellationToken cancellationToken)
    {
        var found = host.Manager.PartitionsOnDisk.Where(static partition => !RehearsalTopic.Is(partition.Topic)).ToHashSet();
        var isComplete = true;
        var topics = (await grains.GetCatalog().ListTopics().WaitAsync(Patience, time, cancellationToken)).Topics;
        foreach (var some in topics.Chunk(Parallelism))
        {
            foreach (var topic in await Task.WhenAll(some.Select(one => TryDescribeAsync(one.Name, cancellationToken))))
            {
                if (topic is null) isComplete = false;
                else found.UnionWith(AssignedHere(topic));
            }
        }

        return (found, isComplete);
    }

    private IEnumerable<TopicPartition> AssignedHere(TopicDescription topic) => topic.Partitions
        .Where(partition => partition.Replicas.Contains(node.NodeId))
        .Select(partition => new TopicPartition(topic.Name, partition.Partition));

    /// <summary>The topic, empty when there is none any more; null when it could not be asked.</summary>
    private async Task<TopicDescription?> TryDescribeAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await grains.GetTopic(name).Describe().WaitAsync(Patience, time, cancellationToken);
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownTopicOrPartition)
        {
            return new TopicDescription(name, Guid.Empty, false, [], new Dictionary<string, string>(), new Dictionary<string, string>());
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellationToken.IsCancellationRequested)
        {
            LogNotAsked(name, e.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The topic '{Topic}' could not be asked which of its partitions are here: {Reason}")]
    private partial void LogNotAsked(string topic, string reason);
}
