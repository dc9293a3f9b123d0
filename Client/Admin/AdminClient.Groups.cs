using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

public sealed partial class AdminClient
{
    /// <summary>The ids of all consumer groups, ordered.</summary>
    public Task<IReadOnlyList<string>> ListGroupsAsync(CancellationToken cancellationToken = default) =>
        RunAsync("The list of groups", () => Grains.GetCatalog().ListGroups(), cancellationToken);

    /// <summary>A group's state, members and assignments.</summary>
    /// <exception cref="OrleansLogException">GroupIdNotFound.</exception>
    public async Task<GroupDescription> DescribeGroupAsync(string groupId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(groupId);
        var group = await RunAsync(
            $"The description of group '{groupId}'", () => Grains.GetConsumerGroup(groupId).Describe(), cancellationToken)
            .ConfigureAwait(false);
        return group.State == "Dead" ? throw NotFound(groupId) : group;
    }

    /// <summary>
    /// How far a group has come: its committed offsets and the partitions that its members own, ordered by topic and partition.
    /// </summary>
    /// <exception cref="OrleansLogException">GroupIdNotFound.</exception>
    public async Task<IReadOnlyList<GroupOffset>> ListGroupOffsetsAsync(
        string groupId, CancellationToken cancellationToken = default)
    {
        var group = await DescribeGroupAsync(groupId, cancellationToken).ConfigureAwait(false);
        var committed = (await FetchOffsetsAsync(groupId, cancellationToken).ConfigureAwait(false))
            .ToDictionary(static offset => offset.Partition);
        var owners = new Dictionary<TopicPartition, GroupMemberDescription>();
        foreach (var member in group.Members)
        {
            foreach (var partition in member.Assignment) owners[partition] = member;
        }

        var ends = (await ForEachAsync(committed.Keys.Union(owners.Keys), HighWatermarkAsync, cancellationToken)
            .ConfigureAwait(false)).ToDictionary();
        return [.. ends.Keys
            .OrderBy(static partition => partition.Topic, StringComparer.Ordinal)
            .ThenBy(static partition => partition.Partition)
            .Select(partition =>
            {
                var offset = committed.GetValueOrDefault(partition);
                var owner = owners.GetValueOrDefault(partition);
                return new GroupOffset(
                    partition,
                    offset?.Offset ?? -1,
                    ends[partition],
                    offset?.Metadata ?? "",
                    offset?.CommitTimestampMs ?? -1,
                    owner?.MemberId,
                    owner?.ClientId);
            })];
    }

    /// <summary>Sets committed offsets of a group that has no members; the group is made if there is none.</summary>
    /// <exception cref="OrleansLogException">UnknownMemberId when the group has members; OffsetOutOfRange never: offsets are
    /// not compared with the log.</exception>
    public async Task AlterGroupOffsetsAsync(
        string groupId,
        IEnumerable<KeyValuePair<TopicPartition, long>> offsets,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(groupId);
        ArgumentNullException.ThrowIfNull(offsets);
        CommittedOffset[] commit = [.. offsets.Select(static pair => new CommittedOffset(pair.Key, pair.Value))];
        if (commit.Length == 0) return;
        var results = await RunAsync(
            $"The reset of group '{groupId}'",
            () => Grains.GetConsumerGroup(groupId).CommitOffsets(new OffsetCommitRequest("", -1, null, commit)),
            cancellationToken).ConfigureAwait(false);
        CommitResults.ThrowOnError(groupId, results);
    }

    /// <summary>
    /// Sets committed offsets of a group that has no members to a position of each partition, and returns them. A timestamp later
    /// than every record's means the end.
    /// </summary>
    /// <exception cref="OrleansLogException">UnknownMemberId when the group has members; UnknownTopicOrPartition.</exception>
    public async Task<IReadOnlyDictionary<TopicPartition, long>> ResetGroupOffsetsAsync(
        string groupId,
        IEnumerable<TopicPartition> partitions,
        LogPosition position,
        CancellationToken cancellationToken = default)
    {
        var offsets = new Dictionary<TopicPartition, long>(
            await ListOffsetsAsync(partitions, position, cancellationToken).ConfigureAwait(false));
        foreach (var (partition, offset) in offsets)
        {
            if (offset < 0)
                offsets[partition] = (await ListOffsetsAsync(partition, LogPosition.End, cancellationToken).ConfigureAwait(false)).Offset;
        }

        await AlterGroupOffsetsAsync(groupId, offsets, cancellationToken).ConfigureAwait(false);
        return offsets;
    }

    /// <summary>Deletes a group's committed offsets of partitions that no member subscribes to.</summary>
    /// <exception cref="OrleansLogException">GroupIdNotFound, GroupSubscribedToTopic.</exception>
    public Task DeleteGroupOffsetsAsync(
        string groupId, IEnumerable<TopicPartition> partitions, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(groupId);
        TopicPartition[] list = [.. partitions];
        return RunAsync(
            $"The deletion of offsets of group '{groupId}'",
            () => Grains.GetConsumerGroup(groupId).DeleteOffsets(list),
            cancellationToken);
    }

    /// <summary>Deletes a group with its offsets.</summary>
    /// <exception cref="OrleansLogException">NonEmptyGroup, GroupIdNotFound.</exception>
    public Task DeleteGroupAsync(string groupId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(groupId);
        return RunAsync(
            $"The deletion of group '{groupId}'", () => Grains.GetConsumerGroup(groupId).Delete(), cancellationToken);
    }

    private Task<IReadOnlyList<CommittedOffset>> FetchOffsetsAsync(string groupId, CancellationToken cancellationToken) =>
        RunAsync(
            $"The offsets of group '{groupId}'", () => Grains.GetConsumerGroup(groupId).FetchOffsets(null), cancellationToken);

    private async Task<long> HighWatermarkAsync(TopicPartition partition, CancellationToken cancellationToken)
    {
        try
        {
            return (await ListOffsetsAsync(partition, LogPosition.End, cancellationToken).ConfigureAwait(false)).Offset;
        }
        catch (OrleansLogException exception) when (exception.Error == ErrorCode.UnknownTopicOrPartition)
        {
            return -1;
        }
    }

    private static OrleansLogException NotFound(string groupId) =>
        new(ErrorCode.GroupIdNotFound, $"There is no group '{groupId}'.");
}
