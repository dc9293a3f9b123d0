using OrleansLog.Engine.Groups.Assignment;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>What a heartbeat must look like, whoever sends it.</summary>
internal static class HeartbeatRules
{
    /// <summary>Checks a group id.</summary>
    /// <exception cref="OrleansLogException">InvalidGroupId.</exception>
    public static void CheckGroupId(string groupId, GroupOptions options)
    {
        if (string.IsNullOrWhiteSpace(groupId))
            throw new OrleansLogException(ErrorCode.InvalidGroupId, "The group id is empty.");
        if (groupId.Length > options.MaxGroupIdLength)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidGroupId,
                $"The group id has {groupId.Length} characters; at most {options.MaxGroupIdLength} are allowed.");
        }
    }

    /// <summary>Checks a heartbeat's fields.</summary>
    /// <exception cref="OrleansLogException">InvalidRequest, UnsupportedAssignor, InvalidRegularExpression.</exception>
    public static void Check(GroupHeartbeat heartbeat, GroupOptions options)
    {
        Require(heartbeat.MemberId.Length > 0, "The member id is empty.");
        CheckLength("member id", heartbeat.MemberId, options.MaxNameLength);
        Require(heartbeat.InstanceId is not "", "The instance id is empty; a dynamic member has none.");
        CheckLength("instance id", heartbeat.InstanceId, options.MaxNameLength);
        CheckLength("client id", heartbeat.ClientId, options.MaxNameLength);
        CheckLength("client host", heartbeat.ClientHost, options.MaxNameLength);
        CheckLength("rack", heartbeat.RackId, options.MaxNameLength);
        Require(
            heartbeat.MemberEpoch >= CurrentAssignment.AwayEpoch,
            $"The member epoch {heartbeat.MemberEpoch} is below {CurrentAssignment.AwayEpoch}.");
        Require(
            heartbeat.MemberEpoch != CurrentAssignment.AwayEpoch || heartbeat.InstanceId is not null,
            "Only a static member may leave for a while (member epoch -2); there is no instance id.");
        Require(
            heartbeat.RebalanceTimeoutMs is -1 or > 0,
            $"The rebalance timeout of {heartbeat.RebalanceTimeoutMs} ms is neither positive nor -1.");
        CheckCount("owned partitions", heartbeat.OwnedPartitions?.Count, options.MaxOwnedPartitions);
        CheckSubscription(heartbeat, options);
        if (heartbeat.MemberEpoch == 0) CheckJoin(heartbeat);
    }

    private static void CheckSubscription(GroupHeartbeat heartbeat, GroupOptions options)
    {
        CheckCount("subscribed topics", heartbeat.SubscribedTopics?.Count, options.MaxSubscribedTopics);
        foreach (var topic in heartbeat.SubscribedTopics ?? [])
        {
            Require(!string.IsNullOrEmpty(topic), "A subscribed topic's name is empty.");
            CheckLength("subscribed topic's name", topic, 249);
        }

        if (!string.IsNullOrEmpty(heartbeat.SubscribedPattern))
            SubscriptionPattern.Parse(heartbeat.SubscribedPattern, options.MaxPatternLength);
        if (heartbeat.Assignor is { } assignor && !Assignors.TryFind(assignor, out _))
        {
            throw new OrleansLogException(
                ErrorCode.UnsupportedAssignor, $"There is no assignor '{assignor}'; there are {Assignors.Names}.");
        }
    }

    private static void CheckJoin(GroupHeartbeat heartbeat)
    {
        Require(
            heartbeat.SubscribedTopics is { Count: > 0 } || !string.IsNullOrEmpty(heartbeat.SubscribedPattern),
            "A member that joins has to subscribe to topics, by name or by pattern.");
        Require(
            heartbeat.OwnedPartitions is null or { Count: 0 },
            $"A member that joins owns nothing, but names {heartbeat.OwnedPartitions?.Count} partitions.");
    }

    private static void CheckLength(string what, string? value, int max) =>
        Require(value is null || value.Length <= max, $"The {what} has {value?.Length} characters; at most {max} are allowed.");

    private static void CheckCount(string what, int? count, int max) =>
        Require(count is null || count <= max, $"There are {count} {what}; at most {max} are allowed.");

    private static void Require(bool condition, string message)
    {
        if (!condition) throw new OrleansLogException(ErrorCode.InvalidRequest, message);
    }
}
