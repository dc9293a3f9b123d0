using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>Turns the messages of the grain's contract into the engine's and back.</summary>
internal static class GroupTranslation
{
    /// <summary>A heartbeat.</summary>
    public static GroupHeartbeat ToEngine(this GroupHeartbeatRequest request) => new(request.MemberId ?? "", request.MemberEpoch)
    {
        InstanceId = request.InstanceId,
        RebalanceTimeoutMs = request.RebalanceTimeoutMs,
        SubscribedTopics = request.SubscribedTopics,
        SubscribedPattern = request.SubscribedPattern,
        Assignor = request.Assignor,
        OwnedPartitions = request.OwnedPartitions,
        ClientId = request.ClientId ?? "",
        Sequence = request.Sequence,
        RackId = request.RackId,
        ClientHost = request.ClientHost ?? "",
    };

    /// <summary>The answer to a heartbeat.</summary>
    public static GroupHeartbeatResponse ToMessage(this GroupHeartbeatResult result) =>
        new(result.MemberId, result.MemberEpoch, result.HeartbeatIntervalMs, result.Assignment);

    /// <summary>A commit.</summary>
    public static GroupOffsetCommit ToEngine(this OffsetCommitRequest request)
    {
        var offsets = new KeyValuePair<TopicPartition, GroupOffset>[request.Offsets.Count];
        for (var i = 0; i < offsets.Length; i++)
        {
            var offset = request.Offsets[i];
            offsets[i] = new(offset.Partition, new GroupOffset(offset.Offset, offset.LeaderEpoch, offset.Metadata ?? "", -1));
        }

        return new GroupOffsetCommit(request.MemberId ?? "", request.MemberEpoch, request.InstanceId, offsets);
    }

    /// <summary>What became of a commit.</summary>
    public static OffsetCommitResult[] ToMessage(this IReadOnlyList<ErrorCode> results, OffsetCommitRequest request)
    {
        var messages = new OffsetCommitResult[results.Count];
        for (var i = 0; i < messages.Length; i++) messages[i] = new OffsetCommitResult(request.Offsets[i].Partition, results[i]);
        return messages;
    }

    /// <summary>Committed offsets.</summary>
    public static CommittedOffset[] ToMessage(this IReadOnlyList<KeyValuePair<TopicPartition, GroupOffset>> offsets) =>
        [.. offsets.Select(entry => new CommittedOffset(
            entry.Key, entry.Value.Offset, entry.Value.LeaderEpoch, entry.Value.Metadata, entry.Value.CommitTimestampMs))];

    /// <summary>A group's description.</summary>
    public static GroupDescription ToMessage(this GroupSnapshot group) => new(
        group.GroupId,
        group.State.ToString(),
        group.Epoch,
        group.Assignor,
        [.. group.Members.Select(member => new GroupMemberDescription(
            member.MemberId,
            member.Metadata.InstanceId,
            member.Metadata.ClientId,
            member.Epoch,
            [.. member.Metadata.SubscribedTopics],
            member.Metadata.SubscribedPattern,
            member.Assignment,
            member.Target,
            member.Metadata.RackId,
            member.Metadata.ClientHost))],
        group.AssignmentEpoch,
        group.Classic?.ToMessage());
}
