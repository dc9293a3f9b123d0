using OrleansLog.Engine.Groups.Log;

namespace OrleansLog.Engine.Groups.Classic;

/// <summary>Decides who joins a classic group: new members, those who come back, and the next process of a static one.</summary>
internal sealed class ClassicJoins(
    string groupId, ClassicGroup group, ClassicRebalance rebalance, GroupOptions options, Deadlines deadlines)
{
    /// <summary>Takes a join; the answer waits until the generation begins.</summary>
    public Pending<ClassicJoinResult> Join(ClassicJoin join, GroupChange change)
    {
        var error = ClassicRules.Check(join, options);
        if (error != ErrorCode.None) return Refuse(error, join);
        if (!HasRoom(join))
        {
            group.Expected.Remove(join.MemberId);
            if (group.Find(join.MemberId) is { } extra)
            {
                group.Remove(extra, ErrorCode.GroupMaxSizeReached);
                rebalance.NoteRemoved(change);
            }

            rebalance.NoteExpectedGone(change);
            return Refuse(ErrorCode.GroupMaxSizeReached, join);
        }

        if (!group.Supports(join.ProtocolType, join.Protocols)) return Refuse(ErrorCode.InconsistentGroupProtocol, join);
        return join.MemberId.Length == 0 ? JoinAsUnknown(join, change) : JoinAsKnown(join, change);
    }

    private Pending<ClassicJoinResult> JoinAsUnknown(ClassicJoin join, GroupChange change)
    {
        var memberId = $"{join.InstanceId ?? join.ClientId}-{Guid.NewGuid()}";
        if (join.InstanceId is { } instanceId)
        {
            return group.FindInstance(instanceId) is { } former
                ? TakeOver(former, memberId, join, change)
                : Add(memberId, join, change);
        }

        if (!join.RequiresKnownMemberId) return Add(memberId, join, change);
        if (group.Expected.Count >= options.MaxSize) return Refuse(ErrorCode.GroupMaxSizeReached, join);
        group.Expected[memberId] = deadlines.In(join.SessionTimeoutMs);
        return Pending<ClassicJoinResult>.Of(new ClassicJoinResult(ErrorCode.MemberIdRequired, memberId));
    }

    private Pending<ClassicJoinResult> JoinAsKnown(ClassicJoin join, GroupChange change)
    {
        if (join.InstanceId is null && group.Expected.Remove(join.MemberId)) return Add(join.MemberId, join, change);
        var error = group.Identify(join.MemberId, join.InstanceId, out var member);
        if (error != ErrorCode.None) return Refuse(error, join);
        var isNews = !member!.Matches(join.Protocols);
        switch (group.State)
        {
            // It asks again for what it was told: the answer may have been lost.
            case GroupState.CompletingRebalance when !isNews:
            case GroupState.Stable when !isNews && group.LeaderId != member.Id:
                rebalance.Touch(member);
                return Pending<ClassicJoinResult>.Of(rebalance.Welcome(member));
            // A leader that comes back wants to share out anew.
            default:
                return Await(member, join, change);
        }
    }

    private Pending<ClassicJoinResult> Add(string memberId, ClassicJoin join, GroupChange change)
    {
        var member = new ClassicMember(memberId, join.InstanceId, join.ClientId, join.ClientHost)
        {
            IsNew = true,
            DeadlineMs = deadlines.In(options.NewMemberTimeout.TotalMilliseconds),
        };
        group.Add(member, join.ProtocolType);
        rebalance.NoteAdded();
        return Await(member, join, change);
    }

    private Pending<ClassicJoinResult> Await(ClassicMember member, ClassicJoin join, GroupChange change)
    {
        Update(member, join);
        // Its connection broke, or it would not ask again.
        member.AnswerJoin(new ClassicJoinResult(ErrorCode.RebalanceInProgress, member.Id));
        var pending = member.AwaitingJoin = new Pending<ClassicJoinResult>();
        rebalance.Begin(change);
        return pending;
    }

    private Pending<ClassicJoinResult> TakeOver(ClassicMember former, string memberId, ClassicJoin join, GroupChange change)
    {
        var formerLeader = group.LeaderId!;
        var member = group.Replace(former, former.Renamed(memberId, join.ClientId, join.ClientHost));
        Update(member, join);
        rebalance.Touch(member);
        if (group.State != GroupState.Stable || group.SelectProtocol() != group.Protocol) return Await(member, join, change);

        // It owns what its former process did, and nobody has to be bothered.
        change.Emit(new ClassicGroupRecord(groupId, group.ToRecord()));
        var welcome = rebalance.Welcome(member);
        var isLeader = group.LeaderId == memberId;
        return Pending<ClassicJoinResult>.Of(join.CanSkipAssignment
            ? welcome with { SkipAssignment = isLeader }
            // One that does not know better is not told that it leads, or it would share out.
            : welcome with { LeaderId = formerLeader, Members = [] });
    }

    private bool HasRoom(ClassicJoin join)
    {
        var known = group.Find(join.MemberId);
        var isAccepted = group.State switch
        {
            GroupState.Empty => true,
            GroupState.PreparingRebalance => known?.AwaitingJoin is not null
                || group.Members.Count(member => member.AwaitingJoin is not null) < options.MaxSize,
            _ => known is not null || group.Members.Count < options.MaxSize || IsInstance(join),
        };
        if (!isAccepted) return false;
        var others = group.Members.Where(member => member != known).Sum(ClassicRules.SizeOf);
        return others + ClassicRules.SizeOf(join.Protocols) <= options.MaxClassicGroupBytes;
    }

    private bool IsInstance(ClassicJoin join) => join.InstanceId is { } instanceId && group.FindInstance(instanceId) is not null;

    private static void Update(ClassicMember member, ClassicJoin join)
    {
        member.Protocols = join.Protocols;
        member.SessionTimeoutMs = join.SessionTimeoutMs;
        member.RebalanceTimeoutMs = Math.Max(join.RebalanceTimeoutMs, 1);
    }

    private static Pending<ClassicJoinResult> Refuse(ErrorCode error, ClassicJoin join) =>
        Pending<ClassicJoinResult>.Of(new ClassicJoinResult(error, join.MemberId));
}
