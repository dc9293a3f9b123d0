using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>Decides who is a member: joins, take-overs of static instances, fencing and leaving.</summary>
internal sealed class Membership(ConsumerGroup group, GroupOptions options)
{
    /// <summary>
    /// Finds the member that a heartbeat speaks for; makes it, or lets it take its instance over, when it joins.
    /// Nothing is changed when this throws.
    /// </summary>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedMemberEpoch, FencedInstanceId, UnreleasedInstanceId,
    /// GroupMaxSizeReached, InvalidRequest.</exception>
    public GroupMember FindOrJoin(GroupHeartbeat heartbeat, PartitionSet? owned, GroupChange change)
    {
        var known = group.Find(heartbeat.MemberId);
        var instance = heartbeat.InstanceId is { } instanceId ? group.FindInstance(instanceId) : null;
        if (heartbeat.MemberEpoch > 0)
        {
            var member = Identify(heartbeat.MemberId, heartbeat.InstanceId);
            CheckEpoch(member, heartbeat.MemberEpoch, owned);
            return member;
        }

        if (instance is not null && instance.Id != heartbeat.MemberId && !instance.IsAway)
        {
            throw new OrleansLogException(
                ErrorCode.UnreleasedInstanceId,
                $"Instance '{heartbeat.InstanceId}' of group '{group.GroupId}' is in use by member '{instance.Id}', which has not left.");
        }

        if (known is not null && heartbeat.InstanceId is not null && known != instance)
        {
            throw new OrleansLogException(
                ErrorCode.InvalidRequest,
                $"Member '{known.Id}' of group '{group.GroupId}' cannot become instance '{heartbeat.InstanceId}'.");
        }

        if (instance is { IsAway: true }) return TakeOver(instance, heartbeat.MemberId, change);
        return known ?? Join(heartbeat, change);
    }

    /// <summary>Finds a member by its id and, if it is static, its instance id.</summary>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedInstanceId.</exception>
    public GroupMember Identify(string memberId, string? instanceId)
    {
        var member = instanceId is null ? group.Find(memberId) : group.FindInstance(instanceId);
        if (member is null)
        {
            var instance = instanceId is null ? "" : $" of instance '{instanceId}'";
            throw new OrleansLogException(
                ErrorCode.UnknownMemberId, $"Member '{memberId}'{instance} is not in group '{group.GroupId}'.");
        }

        if (member.Id == memberId) return member;
        throw new OrleansLogException(
            ErrorCode.FencedInstanceId,
            $"Instance '{instanceId}' of group '{group.GroupId}' belongs to member '{member.Id}', not to '{memberId}'.");
    }

    /// <summary>Takes a member out of the group, so that its partitions become free.</summary>
    public void Remove(GroupMember member, GroupChange change)
    {
        change.RaiseEpoch();
        Erase(member, change);
    }

    /// <summary>Notes that a static member left and will be back: it keeps its place until its session ends.</summary>
    public void SetAway(GroupMember member, GroupChange change)
    {
        if (member.IsAway) return;
        change.Emit(new CurrentAssignmentRecord(group.GroupId, member.Id, member.Current with
        {
            Epoch = CurrentAssignment.AwayEpoch,
            State = MemberState.Stable,
            PendingRevocation = PartitionSet.Empty,
        }));
        member.RevocationDeadlineMs = long.MaxValue;
    }

    private static void CheckEpoch(GroupMember member, int epoch, PartitionSet? owned)
    {
        var current = member.Current;
        if (current.State == MemberState.Unknown && owned is not { IsEmpty: true })
        {
            throw new OrleansLogException(
                ErrorCode.FencedMemberEpoch,
                $"Member '{member.Id}' is in a state that a newer version wrote; it has to give up all partitions and rejoin.");
        }

        if (epoch == current.Epoch) return;
        // The answer that raised the epoch may have been lost. Then the member owns nothing that it was not to keep; if it does
        // not say what it owns, that is what it said last.
        if (epoch == current.PreviousEpoch && epoch < current.Epoch && (owned ?? member.Reported)?.IsSubsetOf(member.Held) == true)
            return;
        throw new OrleansLogException(
            ErrorCode.FencedMemberEpoch,
            $"Member '{member.Id}' comes with epoch {epoch}, but is in epoch {current.Epoch}; it has to give up all partitions and rejoin.");
    }

    private GroupMember Join(GroupHeartbeat heartbeat, GroupChange change)
    {
        if (group.Members.Count >= options.MaxSize)
        {
            throw new OrleansLogException(
                ErrorCode.GroupMaxSizeReached, $"Group '{group.GroupId}' has {group.Members.Count} members; more are not allowed.");
        }

        change.RaiseEpoch();
        change.Emit(new MemberRecord(group.GroupId, heartbeat.MemberId, Describe(heartbeat, null)));
        var member = group.Find(heartbeat.MemberId)!;
        member.Told = PartitionSet.Empty;
        return member;
    }

    private GroupMember TakeOver(GroupMember away, string memberId, GroupChange change)
    {
        // The instance that left gave everything up, so the new one owns nothing before it is told to.
        var (metadata, target) = (away.Metadata!, away.Target);
        var current = away.Current with { Epoch = 0, PreviousEpoch = 0, State = MemberState.Stable };
        if (away.Id != memberId) Erase(away, change);
        change.Emit(new MemberRecord(group.GroupId, memberId, metadata));
        change.Emit(new TargetAssignmentRecord(group.GroupId, memberId, target));
        change.Emit(new CurrentAssignmentRecord(group.GroupId, memberId, current));
        var member = group.Find(memberId)!;
        member.Told = PartitionSet.Empty;
        return member;
    }

    private void Erase(GroupMember member, GroupChange change)
    {
        change.Emit(new CurrentAssignmentRecord(group.GroupId, member.Id, null));
        change.Emit(new TargetAssignmentRecord(group.GroupId, member.Id, null));
        change.Emit(new MemberRecord(group.GroupId, member.Id, null));
    }

    /// <summary>What the member says of itself now: what the heartbeat names, and what it said before of the rest.</summary>
    public MemberMetadata Describe(GroupHeartbeat heartbeat, MemberMetadata? before) => new(
        heartbeat.InstanceId ?? before?.InstanceId,
        heartbeat.RackId ?? before?.RackId,
        heartbeat.ClientId.Length > 0 ? heartbeat.ClientId : before?.ClientId ?? "",
        heartbeat.ClientHost.Length > 0 ? heartbeat.ClientHost : before?.ClientHost ?? "",
        heartbeat.SubscribedTopics is { } topics
            ? [.. topics.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]
            : before?.SubscribedTopics ?? [],
        heartbeat.SubscribedPattern switch { null => before?.SubscribedPattern, "" => null, { } pattern => pattern },
        RebalanceTimeoutMs(heartbeat, before),
        heartbeat.Assignor ?? before?.Assignor);

    private int RebalanceTimeoutMs(GroupHeartbeat heartbeat, MemberMetadata? before)
    {
        if (heartbeat.RebalanceTimeoutMs < 0)
            return before?.RebalanceTimeoutMs ?? (int)options.DefaultRebalanceTimeout.TotalMilliseconds;
        return (int)Math.Min(heartbeat.RebalanceTimeoutMs, options.MaxRebalanceTimeout.TotalMilliseconds);
    }
}
