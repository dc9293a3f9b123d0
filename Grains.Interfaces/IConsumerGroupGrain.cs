using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>The coordinator of a consumer group (key: the group id).</summary>
[Alias("OrleansLog.IConsumerGroupGrain")]
public interface IConsumerGroupGrain : IGrainWithStringKey
{
    /// <summary>
    /// Joins (member epoch 0), stays in, or leaves (-1; -2 for a static member that will be back) the group, and learns the
    /// partitions to own, as KIP-848 has it.
    /// </summary>
    /// <exception cref="Records.OrleansLogException">UnknownMemberId, FencedMemberEpoch, UnreleasedInstanceId,
    /// FencedInstanceId, UnsupportedAssignor, InvalidRegularExpression, GroupMaxSizeReached, InvalidRequest, ...</exception>
    [AlwaysInterleave, Alias("Heartbeat")]
    Task<GroupHeartbeatResponse> Heartbeat(GroupHeartbeatRequest request);

    /// <summary>Commits offsets: appended to the internal topic and durable when this returns.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownMemberId, StaleMemberEpoch, IllegalGeneration, ...: nothing was
    /// committed.</exception>
    [AlwaysInterleave, Alias("CommitOffsets")]
    Task<IReadOnlyList<OffsetCommitResult>> CommitOffsets(OffsetCommitRequest request);

    /// <summary>The committed offsets of the partitions asked for, or of all when null; a partition without one is absent.</summary>
    [AlwaysInterleave, Alias("FetchOffsets")]
    Task<IReadOnlyList<CommittedOffset>> FetchOffsets(IReadOnlyList<Records.TopicPartition>? partitions);

    /// <summary>The group's state, members and assignments; state <c>Dead</c> when there is no such group.</summary>
    [AlwaysInterleave, Alias("Describe")]
    Task<GroupDescription> Describe();

    /// <summary>Deletes committed offsets of partitions that no member subscribes to.</summary>
    /// <exception cref="Records.OrleansLogException">GroupIdNotFound, GroupSubscribedToTopic.</exception>
    [AlwaysInterleave, Alias("DeleteOffsets")]
    Task DeleteOffsets(IReadOnlyList<Records.TopicPartition> partitions);

    /// <summary>Deletes the group with its offsets.</summary>
    /// <exception cref="Records.OrleansLogException">NonEmptyGroup, GroupIdNotFound.</exception>
    [AlwaysInterleave, Alias("Delete")]
    Task Delete();
}
