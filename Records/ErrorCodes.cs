namespace OrleansLog.Records;

/// <summary>What is known about an <see cref="ErrorCode"/>.</summary>
public static class ErrorCodes
{
    /// <summary>Whether the same request may succeed later without being changed, as the Kafka protocol classifies it.</summary>
    public static bool IsRetriable(this ErrorCode error) => error is
        ErrorCode.CorruptMessage or ErrorCode.UnknownTopicOrPartition or ErrorCode.LeaderNotAvailable
        or ErrorCode.NotLeaderOrFollower or ErrorCode.RequestTimedOut or ErrorCode.NetworkException
        or ErrorCode.CoordinatorLoadInProgress or ErrorCode.CoordinatorNotAvailable or ErrorCode.NotCoordinator
        or ErrorCode.NotEnoughReplicas or ErrorCode.NotEnoughReplicasAfterAppend or ErrorCode.KafkaStorageError
        or ErrorCode.ListenerNotFound or ErrorCode.FencedLeaderEpoch or ErrorCode.UnknownLeaderEpoch or ErrorCode.OffsetNotAvailable
        or ErrorCode.UnstableOffsetCommit or ErrorCode.UnknownTopicId or ErrorCode.InconsistentTopicId;
}
