using System.Globalization;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>Loads a group from its partition of <c>__consumer_offsets</c>. Thread-safe.</summary>
internal sealed partial class GroupLoader(
    IGrainFactory grains,
    NodeReplicas replicas,
    LocalNode node,
    GroupTopicsCache topics,
    IOptions<GroupOptions> options,
    TimeProvider time,
    ILogger<GroupLoader> logger)
{
    // What a batch may have is the topic's setting; more at a time would gain nothing.
    private const int MaxBatchBytes = 900 * 1024;

    /// <summary>Whether this node still leads the partition of a loaded group, in the term in which it was loaded.</summary>
    public bool IsCurrent(OpenGroup group) =>
        replicas.FindLeader(group.Home) is { IsClosed: false } leader && leader.State.LeaderEpoch == group.LeaderEpoch;

    /// <summary>Loads the group; called on the turns of its grain.</summary>
    /// <exception cref="OrleansLogException">InvalidGroupId; NotCoordinator: another node leads its partition; CoordinatorNotAvailable or CoordinatorLoadInProgress when it cannot
    /// be loaded at present.</exception>
    public async Task<OpenGroup> LoadAsync(string groupId)
    {
        var coordinator = new GroupCoordinator(groupId, options.Value, time);
        GroupLog? log = null;
        try
        {
            var catalog = grains.GetCatalog();
            var home = await catalog.EnsureInternalTopic(GroupPartitioner.OffsetsTopic);
            var id = new TopicPartition(home.Name, GroupPartitioner.PartitionFor(groupId, home.Partitions.Count));
            var partition = grains.GetPartition(id);
            var leader = await FindLeaderAsync(groupId, id, partition);
            log = new GroupLog(partition, catalog, groupId, BatchBound(home), time);
            var reader = new GroupLogReader(partition, groupId, coordinator);
            // All that coordinators before this one wrote is below that; a new leader's high watermark may be far behind it.
            await reader.ReadAsync(atLeastTo: leader.TermStartOffset);
            if (reader.FoundAny) await log.TakeOfficeAsync(reader);
            coordinator.CompleteReplay();
            var open = new OpenGroup(coordinator, log, id, leader.State.LeaderEpoch);
            open.UpdateTopics(await topics.GetAsync(TimeSpan.Zero));
            LogLoaded(groupId, coordinator.MemberCount, reader.Position);
            if (reader.MalformedCount + reader.UnknownCount > 0) LogSkipped(groupId, reader.UnknownCount, reader.MalformedCount);
            return open;
        }
        catch (Exception e)
        {
            log?.Dispose();
            LogFailed(e, groupId);
            if (e is OrleansLogException 
                {
                    Error: ErrorCode.CoordinatorNotAvailable or ErrorCode.CoordinatorLoadInProgress or ErrorCode.NotCoordinator
                })
            {
                throw;
            }

            throw new OrleansLogException(
                ErrorCode.CoordinatorNotAvailable, $"Group '{groupId}' cannot be loaded at present: {e.Message} Retry.", e);
        }
    }

    /// <summary>The leader, on this node, of the group's partition.</summary>
    private async Task<PartitionLeader> FindLeaderAsync(string groupId, TopicPartition home, IPartitionGrain partition)
    {
        var leader = await partition.Lead();
        if (leader == node.NodeId && replicas.FindLeader(home) is { } own) return own;
        throw new OrleansLogException(
            ErrorCode.NotCoordinator, $"Group '{groupId}' is coordinated by node {leader}, which leads {home}.");
    }

    private static int BatchBound(TopicDescription topic) =>
        topic.Configs.TryGetValue("max.message.bytes", out var text)
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bound)
            ? Math.Clamp(bound, 4096, MaxBatchBytes)
            : MaxBatchBytes;

    [LoggerMessage(Level = LogLevel.Debug, Message = "Group '{GroupId}' is loaded with {Members} members, up to offset {Offset}.")]
    private partial void LogLoaded(string groupId, int members, long offset);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "Of the records of group '{GroupId}', {Unknown} of unknown versions and {Malformed} malformed ones are ignored.")]
    private partial void LogSkipped(string groupId, int unknown, int malformed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Group '{GroupId}' could not be loaded.")]
    private partial void LogFailed(Exception exception, string groupId);
}
