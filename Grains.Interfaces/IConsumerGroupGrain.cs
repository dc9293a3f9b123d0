using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// The coordinator of a consumer group (key: the group id). A group is of one protocol as long as it has members: that of KIP-848
/// (<see cref="Heartbeat"/>), or the classic one, in which one of the members shares out the partitions.
/// </summary>
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

    /// <summary>Joins the next generation of a classic group; answers when it begins, which may take as long as the slowest member's
    /// rebalance timeout.</summary>
    [AlwaysInterleave, Alias("JoinClassic"), ResponseTimeout("2.00:00:00")]
    Task<ClassicJoinResponse> JoinClassic(ClassicJoinRequest request);

    /// <summary>Fetches what the member is to own; the leader of the generation brings it for all. Answers when it has.</summary>
    [AlwaysInterleave, Alias("SyncClassic"), ResponseTimeout("2.00:00:00")]
    Task<ClassicSyncResponse> SyncClassic(ClassicSyncRequest request);

    /// <summary>Says that a member of a classic group is there.</summary>
    /// <returns>None, RebalanceInProgress when it has to join again, UnknownMemberId, IllegalGeneration,
    /// FencedInstanceId.</returns>
    [AlwaysInterleave, Alias("HeartbeatClassic")]
    Task<Records.ErrorCode> HeartbeatClassic(string memberId, string? instanceId, int generation);

    /// <summary>Takes members out of a classic group.</summary>
    /// <returns>The fate of each: None, UnknownMemberId, FencedInstanceId.</returns>
    [AlwaysInterleave, Alias("LeaveClassic")]
    Task<IReadOnlyList<Records.ErrorCode>> LeaveClassic(IReadOnlyList<ClassicLeavingMember> members);

    /// <summary>Commits offsets: appended to the internal topic and durable when this returns.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownMemberId, StaleMemberEpoch, IllegalGeneration, ...: nothing was
    /// committed.</exception>
    [AlwaysInterleave, Alias("CommitOffsets")]
    Task<IReadOnlyList<OffsetCommitResult>> CommitOffsets(OffsetCommitRequest request);

    /// <summary>The committed offsets of the partitions asked for, or of all when null; a partition without one is absent.</summary>
    /// <param name="partitions">Which; null for all.</param>
    /// <param name="memberId">The member of KIP-848 who asks; null or empty when nobody has to be checked.</param>
    /// <param name="memberEpoch">Its epoch; -1 when nobody has to be checked.</param>
    /// <exception cref="Records.OrleansLogException">UnknownMemberId, StaleMemberEpoch: the member may read from these offsets no
    /// more.</exception>
    [AlwaysInterleave, Alias("FetchOffsets")]
    Task<IReadOnlyList<CommittedOffset>> FetchOffsets(
        IReadOnlyList<Records.TopicPartition>? partitions, string? memberId = null, int memberEpoch = -1);

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
