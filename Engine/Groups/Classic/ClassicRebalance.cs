using OrleansLog.Engine.Groups.Log;

namespace OrleansLog.Engine.Groups.Classic;

/// <summary>
/// Leads a classic group from one generation to the next: it waits for the members to join again, as long as the slowest may
/// take, begins the generation with those who did, and waits for each to ask for its assignment.
/// </summary>
internal sealed class ClassicRebalance(string groupId, ClassicGroup group, GroupOptions options, Deadlines deadlines)
{
    // While nobody is there but static members who are away, there is no haste; and a client whose rebalance timeout is next to
    // nothing still needs the time to ask for its assignment.
    private const int MinWaitMs = 1000;

    private long _joinDeadlineMs = Deadlines.Never;
    private long _syncDeadlineMs = Deadlines.Never;
    private bool _isInitial;
    private bool _cameMeanwhile;
    private double _initialRestMs;

    /// <summary>When <see cref="Tick"/> has something to do.</summary>
    public long DeadlineMs => Math.Min(_joinDeadlineMs, _syncDeadlineMs);

    /// <summary>Notes that a member came; a group that was just made waits a little for the next one.</summary>
    public void NoteAdded()
    {
        if (group.State == GroupState.PreparingRebalance && group.Generation == 0) _cameMeanwhile = true;
    }

    /// <summary>Notes that members left: those who stay share out anew.</summary>
    public void NoteRemoved(GroupChange change)
    {
        if (group.State != GroupState.Empty) Begin(change);
    }

    /// <summary>Notes that one who was expected may not be any more: then nobody waits for it.</summary>
    public void NoteExpectedGone(GroupChange change)
    {
        if (group.State == GroupState.PreparingRebalance) Begin(change);
    }

    /// <summary>Asks all members to join again; while that is under way, sees whether all did.</summary>
    public void Begin(GroupChange change)
    {
        if (group.State != GroupState.PreparingRebalance)
        {
            var wasEmpty = group.State == GroupState.Empty;
            foreach (var member in group.Members) member.AnswerSync(ClassicSyncResult.Failed(ErrorCode.RebalanceInProgress));
            group.State = GroupState.PreparingRebalance;
            _syncDeadlineMs = Deadlines.Never;
            WaitForJoins(wasEmpty ? options.InitialRebalanceDelay.TotalMilliseconds : 0);
        }

        if (!_isInitial && group.HaveAllJoined) Complete(change);
    }

    /// <summary>Goes on with a rebalance that a former coordinator did not bring to its end.</summary>
    public void Resume()
    {
        if (group.State == GroupState.PreparingRebalance) WaitForJoins(initialDelayMs: 0);
    }

    /// <summary>Notes that a member asked for its assignment.</summary>
    public void NoteSync(ClassicMember member)
    {
        member.OwesSync = false;
        if (!group.Members.Any(other => other.OwesSync)) _syncDeadlineMs = Deadlines.Never;
    }

    /// <summary>Ends what took too long.</summary>
    /// <param name="change">Where the records go.</param>
    /// <param name="removed">Gets the ids of those who did not come in time.</param>
    public void Tick(GroupChange change, List<string> removed)
    {
        if (deadlines.NowMs >= _joinDeadlineMs) EndJoins(change, removed);
        if (deadlines.NowMs < _syncDeadlineMs) return;
        _syncDeadlineMs = Deadlines.Never;
        Remove([.. group.Members.Where(member => member.OwesSync)], removed);
        Begin(change);
    }

    /// <summary>The answer to a member's join of the generation.</summary>
    public ClassicJoinResult Welcome(ClassicMember member) => new(ErrorCode.None, member.Id)
    {
        Generation = group.Generation,
        ProtocolType = group.ProtocolType,
        Protocol = group.Protocol,
        LeaderId = group.LeaderId!,
        Members = member.Id == group.LeaderId ? MembersForLeader() : [],
    };

    /// <summary>The members as the leader is told of them.</summary>
    public IReadOnlyList<ClassicJoinMember> MembersForLeader() =>
        [.. group.Members.Select(member => new ClassicJoinMember(member.Id, member.InstanceId, member.MetadataFor(group.Protocol)))];

    /// <summary>Gives a member a whole session to be heard of again.</summary>
    public void Touch(ClassicMember member) => member.DeadlineMs = deadlines.In(member.SessionTimeoutMs);

    private void WaitForJoins(double initialDelayMs)
    {
        var timeoutMs = group.RebalanceTimeoutMs;
        _isInitial = initialDelayMs > 0;
        _cameMeanwhile = false;
        _initialRestMs = Math.Max(0, timeoutMs - initialDelayMs);
        _joinDeadlineMs = deadlines.In(_isInitial ? initialDelayMs : timeoutMs);
    }

    private void EndJoins(GroupChange change, List<string> removed)
    {
        if (_isInitial && _cameMeanwhile && _initialRestMs > 0)
        {
            var delayMs = Math.Min(options.InitialRebalanceDelay.TotalMilliseconds, _initialRestMs);
            _cameMeanwhile = false;
            _initialRestMs -= delayMs;
            _joinDeadlineMs = deadlines.In(delayMs);
            return;
        }

        // A static member that is away keeps its place until its session ends.
        Remove([.. group.Members.Where(member => member.AwaitingJoin is null && member.InstanceId is null)], removed);
        Complete(change);
    }

    private void Complete(GroupChange change)
    {
        if (group.Members.Count > 0 && !group.TryElectLeader())
        {
            _isInitial = false;
            _joinDeadlineMs = deadlines.In(Math.Max(group.RebalanceTimeoutMs, MinWaitMs));
            return;
        }

        _isInitial = false;
        _joinDeadlineMs = Deadlines.Never;
        group.BeginGeneration(change.NowMs);
        // Durable before any member hears of it, so that no later coordinator gives the same number to another generation.
        change.Emit(new ClassicGroupRecord(groupId, group.ToRecord()));
        if (group.State == GroupState.Empty) return;
        foreach (var member in group.Members)
        {
            member.IsNew = false;
            Touch(member);
            member.AnswerJoin(Welcome(member));
        }

        _syncDeadlineMs = deadlines.In(Math.Max(group.RebalanceTimeoutMs, MinWaitMs));
    }

    private void Remove(List<ClassicMember> members, List<string> removed)
    {
        foreach (var member in members)
        {
            group.Remove(member, ErrorCode.UnknownMemberId);
            removed.Add(member.Id);
        }
    }
}
