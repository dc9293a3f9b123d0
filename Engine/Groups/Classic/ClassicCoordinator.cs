using OrleansLog.Engine.Groups.Log;

namespace OrleansLog.Engine.Groups.Classic;

/// <summary>
/// The classic protocol for one group: members join, their leader shares out the partitions, and each fetches its share. What
/// they are told is an answer with an error code and no failure, since clients steer by it. It changes the state in memory and
/// emits the records that make it durable; like <see cref="GroupCoordinator"/>, of which it is a part.
/// </summary>
internal sealed class ClassicCoordinator
{
    private readonly string _groupId;
    private readonly GroupOptions _options;
    private readonly ClassicGroup _group = new();
    private readonly Deadlines _deadlines;
    private readonly ClassicRebalance _rebalance;
    private readonly ClassicJoins _joins;

    /// <summary>Makes the coordinator of a group that has no members.</summary>
    public ClassicCoordinator(string groupId, GroupOptions options, Func<long> clock)
    {
        _groupId = groupId;
        _options = options;
        _deadlines = new Deadlines(clock);
        _rebalance = new ClassicRebalance(groupId, _group, options, _deadlines);
        _joins = new ClassicJoins(groupId, _group, _rebalance, options, _deadlines);
    }

    /// <summary>The group.</summary>
    public ClassicGroup Group => _group;

    /// <summary>Whether there are members, or a rebalance that members may still join.</summary>
    public bool IsActive => _group.State != GroupState.Empty || _group.Expected.Count > 0;

    /// <summary>Nothing is due before; milliseconds of the clock.</summary>
    public long EarliestMs => IsActive ? _deadlines.EarliestMs : Deadlines.Never;

    /// <summary>Takes over what the log tells; every member gets a whole session to be heard of.</summary>
    public void Load(ClassicGroupValue value)
    {
        _group.Restore(value);
        foreach (var member in _group.Members) _rebalance.Touch(member);
        _rebalance.Resume();
    }

    /// <summary>Takes a join.</summary>
    public Pending<ClassicJoinResult> Join(ClassicJoin join, GroupChange change) => _joins.Join(join, change);

    /// <summary>Takes a sync; the answer waits for the leader's.</summary>
    public Pending<ClassicSyncResult> Sync(ClassicSync sync, GroupChange change)
    {
        var error = Check(sync.MemberId, sync.InstanceId, sync.Generation, out var member);
        if (error == ErrorCode.None && !IsConsistent(sync)) error = ErrorCode.InconsistentGroupProtocol;
        if (error == ErrorCode.None && _group.State == GroupState.PreparingRebalance) error = ErrorCode.RebalanceInProgress;
        if (error != ErrorCode.None) return Pending<ClassicSyncResult>.Of(ClassicSyncResult.Failed(error));

        _rebalance.NoteSync(member!);
        if (_group.State == GroupState.Stable)
        {
            _rebalance.Touch(member!);
            return Pending<ClassicSyncResult>.Of(AssignmentOf(member!));
        }

        member!.AnswerSync(ClassicSyncResult.Failed(ErrorCode.RebalanceInProgress)); // its connection broke, or it would not ask again
        var pending = member.AwaitingSync = new Pending<ClassicSyncResult>();
        if (member.Id == _group.LeaderId) ShareOut(sync.Assignments, change);
        return pending;
    }

    /// <summary>Takes a heartbeat.</summary>
    public ErrorCode Heartbeat(string memberId, string? instanceId, int generation)
    {
        var error = Check(memberId, instanceId, generation, out var member);
        if (error != ErrorCode.None) return error;
        _rebalance.Touch(member!);
        return _group.State == GroupState.PreparingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
    }

    /// <summary>Takes members out of the group.</summary>
    /// <returns>The fate of each.</returns>
    public ErrorCode[] Leave(IReadOnlyList<ClassicLeaver> leavers, GroupChange change)
    {
        var results = new ErrorCode[leavers.Count];
        var before = _group.Members.Count;
        for (var i = 0; i < results.Length; i++) results[i] = Leave(leavers[i]);
        if (_group.Members.Count < before) _rebalance.NoteRemoved(change);
        else _rebalance.NoteExpectedGone(change);
        return results;
    }

    /// <summary>Whether an offset commit may be carried out.</summary>
    public ErrorCode CheckCommit(string memberId, string? instanceId, int generation)
    {
        var error = Check(memberId, instanceId, generation, out var member);
        if (error != ErrorCode.None) return error;
        if (_group.State == GroupState.CompletingRebalance) return ErrorCode.RebalanceInProgress;
        _rebalance.Touch(member!);
        return ErrorCode.None;
    }

    /// <summary>Whether a member subscribes to the topic, as far as can be told; if not, it counts as subscribed.</summary>
    public bool Subscribes(string topic) => _group.Members.Count > 0 && _group.SubscribedTopics?.Contains(topic) != false;

    /// <summary>Removes those whose session ended, and ends what took too long.</summary>
    /// <returns>The ids of the members removed.</returns>
    public List<string> Tick(GroupChange change)
    {
        var removed = new List<string>();
        if (_deadlines.NowMs < _deadlines.EarliestMs) return removed;
        var nowMs = _deadlines.NowMs;
        foreach (var (memberId, deadlineMs) in _group.Expected.ToList())
            if (deadlineMs <= nowMs) _group.Expected.Remove(memberId);
        foreach (var member in _group.Members.Where(member => member.DeadlineMs <= nowMs).ToList())
        {
            if (member.IsExcused)
            {
                _rebalance.Touch(member);
                continue;
            }

            _group.Remove(member, ErrorCode.UnknownMemberId);
            removed.Add(member.Id);
        }

        if (removed.Count > 0) _rebalance.NoteRemoved(change);
        else _rebalance.NoteExpectedGone(change);
        _rebalance.Tick(change, removed);
        _deadlines.Set(FindEarliest());
        return removed;
    }

    /// <summary>Answers all who wait: this coordinator will not.</summary>
    public void Abandon(ErrorCode error)
    {
        foreach (var member in _group.Members)
        {
            member.AnswerJoin(new ClassicJoinResult(error, member.Id));
            member.AnswerSync(ClassicSyncResult.Failed(error));
        }
    }

    /// <summary>Forgets a group without members.</summary>
    public void Clear() => _group.Clear();

    /// <summary>Describes the group.</summary>
    public ClassicGroupSnapshot Describe()
    {
        var isStable = _group.State == GroupState.Stable;
        return new ClassicGroupSnapshot(
            _group.ProtocolType,
            isStable ? _group.Protocol ?? "" : "",
            _group.LeaderId,
            [.. _group.Members.Select(member => new ClassicMemberSnapshot(
                member.Id, member.InstanceId, member.ClientId, member.ClientHost,
                isStable ? member.MetadataFor(_group.Protocol) : [], isStable ? member.Assignment : []))]);
    }

    private void ShareOut(IReadOnlyList<KeyValuePair<string, byte[]>> assignments, GroupChange change)
    {
        foreach (var (memberId, assignment) in assignments)
            if (_group.Find(memberId) is { } member) member.Assignment = assignment;
        if (_group.Members.Sum(member => ClassicRules.SizeOf(member) + member.Assignment.Length) > _options.MaxClassicGroupBytes)
        {
            foreach (var member in _group.Members) member.AnswerSync(ClassicSyncResult.Failed(ErrorCode.UnknownServerError));
            _rebalance.Begin(change);
            return;
        }

        _group.Settle(change.NowMs);
        change.Emit(new ClassicGroupRecord(_groupId, _group.ToRecord()));
        foreach (var member in _group.Members)
        {
            if (member.AwaitingSync is null) continue;
            _rebalance.Touch(member);
            member.AnswerSync(AssignmentOf(member));
        }
    }

    private ErrorCode Leave(ClassicLeaver leaver)
    {
        if (leaver.MemberId.Length > 0 && _group.Expected.Remove(leaver.MemberId)) return ErrorCode.None;
        // An operator may name a static member by its instance alone.
        var memberId = leaver.MemberId.Length == 0 && leaver.InstanceId is { } instanceId
            ? _group.FindInstance(instanceId)?.Id ?? ""
            : leaver.MemberId;
        var error = _group.Identify(memberId, leaver.InstanceId, out var member);
        if (error == ErrorCode.None) _group.Remove(member!, ErrorCode.UnknownMemberId);
        return error;
    }

    private ErrorCode Check(string memberId, string? instanceId, int generation, out ClassicMember? member)
    {
        var error = _group.Identify(memberId, instanceId, out member);
        return error == ErrorCode.None && generation != _group.Generation ? ErrorCode.IllegalGeneration : error;
    }

    private bool IsConsistent(ClassicSync sync) =>
        (sync.ProtocolType is null || sync.ProtocolType == _group.ProtocolType)
        && (sync.Protocol is null || sync.Protocol == _group.Protocol);

    private ClassicSyncResult AssignmentOf(ClassicMember member) =>
        new(ErrorCode.None, _group.ProtocolType, _group.Protocol, member.Assignment);

    private long FindEarliest()
    {
        var earliest = _rebalance.DeadlineMs;
        foreach (var member in _group.Members) earliest = Math.Min(earliest, member.DeadlineMs);
        foreach (var deadlineMs in _group.Expected.Values) earliest = Math.Min(earliest, deadlineMs);
        return earliest;
    }
}
