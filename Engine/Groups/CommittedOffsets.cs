using System.Text;
using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>Decides what offsets are committed, deleted and expired.</summary>
internal sealed class CommittedOffsets(
    ConsumerGroup group, Membership membership, ClassicCoordinator classic, Subscriptions subscriptions, GroupOptions options)
{
    /// <summary>Since when the group has had no members, milliseconds since the Unix epoch; -1 when it has some, or never had
    /// any.</summary>
    public long EmptySinceMs => group.Members.Count > 0 || classic.IsActive ? -1
        : Math.Max(group.EpochTimestampMs, classic.Group.StateTimestampMs);

    /// <summary>Commits what can be committed.</summary>
    /// <returns>The fate of each offset, in the order of the request.</returns>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedInstanceId, StaleMemberEpoch; of a classic group
    /// IllegalGeneration, RebalanceInProgress: nothing is committed.</exception>
    public IReadOnlyList<ErrorCode> Commit(GroupOffsetCommit commit, GroupChange change)
    {
        var member = CheckMember(commit);
        var results = new ErrorCode[commit.Offsets.Count];
        for (var i = 0; i < results.Length; i++)
        {
            var (partition, offset) = commit.Offsets[i];
            var isNew = partition.Topic is not null && !group.Offsets.ContainsKey(partition);
            results[i] = Check(partition, offset, member, isNew && group.Offsets.Count >= options.MaxOffsets, out var topicId);
            if (results[i] != ErrorCode.None) continue;
            var stored = offset with { CommitTimestampMs = change.NowMs, TopicId = topicId };
            change.Emit(new OffsetRecord(group.GroupId, partition.Topic!, partition.Partition, stored));
        }

        return results;
    }

    /// <summary>Deletes the offsets of the given partitions.</summary>
    /// <exception cref="OrleansLogException">GroupSubscribedToTopic: nothing is deleted.</exception>
    public void Delete(IReadOnlyList<TopicPartition> partitions, GroupChange change)
    {
        foreach (var topic in partitions.Select(partition => partition.Topic).Distinct(StringComparer.Ordinal))
        {
            if (!IsSubscribed(topic)) continue;
            throw new OrleansLogException(
                ErrorCode.GroupSubscribedToTopic,
                $"A member of group '{group.GroupId}' subscribes to topic '{topic}'; its offsets cannot be deleted.");
        }

        foreach (var partition in partitions) Remove(partition, change);
    }

    /// <summary>Deletes all offsets.</summary>
    public void DeleteAll(GroupChange change)
    {
        foreach (var partition in group.Offsets.Keys.ToList()) Remove(partition, change);
    }

    /// <summary>
    /// Deletes the offsets that nobody has needed for the time of retention: it begins with the commit, or when the group
    /// became empty, whichever is later. Offsets of topics that a member subscribes to do not expire.
    /// </summary>
    public void Expire(GroupChange change)
    {
        var emptySinceMs = EmptySinceMs;
        var subscribed = group.SubscribedTopics.Select(topic => topic.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var (partition, offset) in group.Offsets.ToList())
        {
            if ((group.Members.Count > 0 && subscribed.Contains(partition.Topic)) || IsSubscribed(partition.Topic)) continue;
            var expiresMs = offset.ExpireTimestampMs >= 0
                ? offset.ExpireTimestampMs
                : Math.Max(offset.CommitTimestampMs, emptySinceMs) + (long)options.OffsetsRetention.TotalMilliseconds;
            if (change.NowMs >= expiresMs) Remove(partition, change);
        }
    }

    /// <summary>Deletes the offsets of topics that were deleted and made again: the new records have other offsets.</summary>
    public void DropOfFormerTopics(GroupChange change)
    {
        foreach (var (partition, offset) in group.Offsets.ToList())
        {
            // A topic that is merely missing proves nothing; retention takes care of it.
            if (offset.TopicId != Guid.Empty && subscriptions.Topics.Find(partition.Topic) is { } topic && topic.Id != offset.TopicId)
                Remove(partition, change);
        }
    }

    private GroupMember? CheckMember(GroupOffsetCommit commit)
    {
        if (classic.Group.Members.Count > 0)
        {
            CheckClassicMember(commit);
            return null;
        }

        // A consumer that chooses its partitions itself may name an id that it made up, and is no member by it.
        if (commit.MemberEpoch < 0 && group.Members.Count == 0) return null;
        if (commit.MemberEpoch < 0 && commit.MemberId.Length == 0)
        {
            throw new OrleansLogException(
                ErrorCode.UnknownMemberId,
                $"Group '{group.GroupId}' has members; only they may commit. Stop them to set offsets from outside.");
        }

        var member = membership.Identify(commit.MemberId, commit.InstanceId);
        if (commit.MemberEpoch == member.Current.Epoch && !member.IsAway) return member;
        // The epoch rose, but the member may not have heard of it yet. What it owned before and still owns it may commit; not what it
        // gave up and was given again, of which it has read the committed offset by now.
        if (commit.MemberEpoch == member.Current.PreviousEpoch && commit.MemberEpoch > 0 && !member.IsAway
            && member.KnownEpoch != member.Current.Epoch
            && commit.Offsets.All(offset => IsHeldBy(member, offset.Key)))
        {
            return member;
        }

        throw new OrleansLogException(
            ErrorCode.StaleMemberEpoch,
            $"Member '{member.Id}' of group '{group.GroupId}' commits with epoch {commit.MemberEpoch}, but is in epoch {member.Current.Epoch}.");
    }

    private void CheckClassicMember(GroupOffsetCommit commit)
    {
        var error = classic.CheckCommit(commit.MemberId, commit.InstanceId, commit.MemberEpoch);
        if (error == ErrorCode.None) return;
        throw new OrleansLogException(
            error,
            $"Member '{commit.MemberId}' cannot commit in generation {commit.MemberEpoch} of group '{group.GroupId}', which is "
            + $"{classic.Group.State} in generation {classic.Group.Generation}.");
    }

    private ErrorCode Check(TopicPartition partition, GroupOffset offset, GroupMember? member, bool isFull, out Guid topicId)
    {
        topicId = Guid.Empty;
        if (partition.Topic is null || subscriptions.Topics.Find(partition.Topic) is not { } topic
            || partition.Partition < 0 || partition.Partition >= topic.PartitionCount)
        {
            return ErrorCode.UnknownTopicOrPartition;
        }

        topicId = topic.Id;
        // -1 and -2 say to begin at the end or the start, when nobody reads: kafkajs resets groups so. Whoever finds them has no offset.
        if (offset.Offset < -2) return ErrorCode.InvalidRequest;
        if (Encoding.UTF8.GetByteCount(offset.Metadata) > options.MaxOffsetMetadataBytes) return ErrorCode.OffsetMetadataTooLarge;
        if (isFull) return ErrorCode.InvalidCommitOffsetSize;
        // A member that gave the partition up must not undo what its new owner commits.
        var holder = group.HolderOf(new TopicIdPartition(topicId, partition.Partition));
        return holder is null || member is null || holder == member.Id ? ErrorCode.None : ErrorCode.IllegalGeneration;
    }

    private bool IsHeldBy(GroupMember member, TopicPartition partition)
    {
        if (partition.Topic is null || subscriptions.Topics.Find(partition.Topic) is not { } topic) return false;
        var id = new TopicIdPartition(topic.Id, partition.Partition);
        return group.HolderOf(id) == member.Id && member.Reported?.Contains(id) != false;
    }

    private bool IsSubscribed(string topic) =>
        classic.Subscribes(topic) || group.Members.Any(member => subscriptions.Subscribes(member.Metadata!, topic));

    private void Remove(TopicPartition partition, GroupChange change)
    {
        if (group.Offsets.ContainsKey(partition))
            change.Emit(new OffsetRecord(group.GroupId, partition.Topic, partition.Partition, null));
    }
}
