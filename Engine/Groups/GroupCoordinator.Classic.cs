using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <content>The calls of the classic protocol.</content>
public sealed partial class GroupCoordinator
{
    /// <summary>Whether it is a group of the classic protocol.</summary>
    public bool IsClassic => _group.Members.Count == 0 && (_group.Classic is not null || _classic.IsActive);

    /// <summary>Takes a member's join; it is answered when the generation begins.</summary>
    public GroupResult<Pending<ClassicJoinResult>> Join(ClassicJoin join)
    {
        ArgumentNullException.ThrowIfNull(join);
        var change = NewChange();
        if (_group.Members.Count > 0)
        {
            return new(
                Pending<ClassicJoinResult>.Of(new ClassicJoinResult(ErrorCode.InconsistentGroupProtocol, join.MemberId)), change.Records);
        }

        var pending = _classic.Join(join, change);
        // A group without members takes the protocol of the first who comes.
        if (_classic.Group.Members.Count > 0) ForgetEpochs(change);
        return new(pending, change.Records);
    }

    /// <summary>Takes a member's sync; it is answered when the leader has shared out.</summary>
    public GroupResult<Pending<ClassicSyncResult>> Sync(ClassicSync sync)
    {
        ArgumentNullException.ThrowIfNull(sync);
        var change = NewChange();
        return new(_classic.Sync(sync, change), change.Records);
    }

    /// <summary>Takes the heartbeat of a member of the classic protocol.</summary>
    /// <returns>None, RebalanceInProgress when it has to join again, UnknownMemberId, IllegalGeneration or
    /// FencedInstanceId.</returns>
    public ErrorCode Heartbeat(string memberId, string? instanceId, int generation) =>
        _classic.Heartbeat(memberId, instanceId, generation);

    /// <summary>Takes members of the classic protocol out of the group.</summary>
    /// <returns>The fate of each.</returns>
    public GroupResult<IReadOnlyList<ErrorCode>> Leave(IReadOnlyList<ClassicLeaver> leavers)
    {
        ArgumentNullException.ThrowIfNull(leavers);
        var change = NewChange();
        return new(_classic.Leave(leavers, change), change.Records);
    }

    /// <summary>Answers all who wait for others with <paramref name="error"/>: this coordinator is given up.</summary>
    public void Abandon(ErrorCode error) => _classic.Abandon(error);

    private GroupSnapshot DescribeClassic()
    {
        var (group, classic) = (_classic.Group, _classic.Describe());
        // Of consumers it can be told what they own, as of those of the other protocol.
        var members = classic.ProtocolType == ConsumerProtocol.Type ? classic.Members.Select(Describe) : [];
        return new GroupSnapshot(
            _group.GroupId, group.State, group.Generation, classic.Protocol,
            [.. members.OrderBy(member => member.MemberId, StringComparer.Ordinal)])
        {
            AssignmentEpoch = group.Generation,
            Classic = classic,
        };

        MemberSnapshot Describe(ClassicMemberSnapshot member)
        {
            var topics = new SortedSet<string>(StringComparer.Ordinal);
            ConsumerProtocol.TryReadTopics(member.Metadata, topics);
            var owned = ConsumerProtocol.ReadAssignment(member.Assignment);
            var metadata = new MemberMetadata(
                member.InstanceId, null, member.ClientId, member.ClientHost, [.. topics], null, 0, classic.Protocol);
            return new MemberSnapshot(member.MemberId, metadata, group.Generation, MemberState.Stable, owned, owned);
        }
    }

    private void CheckNotClassic()
    {
        if (_classic.Group.State == GroupState.Empty) return;
        throw new OrleansLogException(
            ErrorCode.GroupIdNotFound,
            $"Group '{_group.GroupId}' is in use by members of the classic protocol; others can join when all of them have left.");
    }

    private void ForgetClassic(GroupChange change)
    {
        _classic.Clear();
        if (_group.Classic is not null) change.Emit(new ClassicGroupRecord(_group.GroupId, null));
    }
}
