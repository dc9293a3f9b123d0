namespace OrleansLog.Kafka.Apis;

/// <summary>The requests that have to do with groups.</summary>
internal static class GroupApis
{
    /// <summary>All of them.</summary>
    public static KafkaApi[] Create() =>
    [
        new FindCoordinatorApi(),
        new JoinGroupApi(),
        new SyncGroupApi(),
        new HeartbeatApi(),
        new LeaveGroupApi(),
        new OffsetCommitApi(),
        new OffsetFetchApi(),
        new DescribeGroupsApi(),
        new ListGroupsApi(),
        new DeleteGroupsApi(),
        new OffsetDeleteApi(),
        new ConsumerGroupHeartbeatApi(),
        new ConsumerGroupDescribeApi(),
    ];
}
