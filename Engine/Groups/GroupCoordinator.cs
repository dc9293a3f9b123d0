using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>
/// The coordinator of one consumer group: membership, assignment by the server (KIP-848) or by a leader among the members (the
/// classic protocol), and committed offsets. A group is of one protocol as long as it has members. A functional core: a call changes the state in memory and returns the records that make the change durable; the caller appends them to
/// <c>__consumer_offsets</c>, in the order of the calls, and answers only when they, and those of all earlier calls, are
/// durable. If an append fails, the coordinator is ahead of its log and is thrown away; another one is filled by
/// <see cref="Replay"/>. It reads time from a <see cref="TimeProvider"/> and starts no timers: its caller calls
/// <see cref="Tick"/> when <see cref="UntilNextDeadline"/> has passed. Not thread-safe.
/// </summary>
public sealed partial class GroupCoordinator
{
    private readonly GroupOptions _options;
    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly ConsumerGroup _group;
    private readonly Subscriptions _subscriptions;
    private readonly Membership _membership;
    private readonly TargetAssignment _targets;
    private readonly ClassicCoordinator _classic;
    private readonly CommittedOffsets _offsets;

    // Never later than the earliest deadline. It may be earlier, since heartbeats only move deadlines back.
    private long _nextDeadlineMs = long.MaxValue;

    /// <summary>Makes the coordinator of a group of which nothing is known yet.</summary>
    /// <exception cref="OrleansLogException">InvalidGroupId.</exception>
    public GroupCoordinator(string groupId, GroupOptions options, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(options);
        HeartbeatRules.CheckGroupId(groupId, options);
        _options = options;
        _time = time;
        _startedAt = time.GetTimestamp();
        _group = new ConsumerGroup(groupId);
        _subscriptions = new Subscriptions(options);
        _membership = new Membership(_group, options);
        _targets = new TargetAssignment(_group, _subscriptions, options);
        _classic = new ClassicCoordinator(groupId, options, () => ClockMs);
        _offsets = new CommittedOffsets(_group, _membership, _classic, _subscriptions, options);
    }

    /// <summary>Whether there is such a group: it has members or offsets, or had members and was not deleted.</summary>
    public bool Exists => _group.Exists || _classic.IsActive;

    /// <summary>How many members there are.</summary>
    public int MemberCount => _group.Members.Count + _classic.Group.Members.Count;

    /// <summary>The version of the topics it was last given; -1 before.</summary>
    public long TopicsVersion => _subscriptions.IsReady ? _subscriptions.Topics.Version : -1;

    /// <summary>How long until <see cref="Tick"/> is due, zero if it is already; null when nothing will be.</summary>
    public TimeSpan? UntilNextDeadline
    {
        get
        {
            var earliestMs = Math.Min(_group.Members.Count == 0 ? long.MaxValue : _nextDeadlineMs, _classic.EarliestMs);
            return earliestMs == long.MaxValue ? null : TimeSpan.FromMilliseconds(Math.Max(0, earliestMs - ClockMs));
        }
    }

    private long ClockMs => (long)_time.GetElapsedTime(_startedAt).TotalMilliseconds;

    /// <summary>Takes over a record of the log while the coordinator is being loaded.</summary>
    /// <param name="record">A record of this group; others are ignored.</param>
    /// <param name="timestampMs">The record's timestamp, milliseconds since the Unix epoch.</param>
    public void Replay(GroupRecord record, long timestampMs)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (record.GroupId == _group.GroupId) _group.Apply(record, timestampMs);
    }

    /// <summary>Ends the replay: every member gets a whole session to be heard of.</summary>
    public void CompleteReplay()
    {
        _group.DropIncompleteMembers();
        foreach (var member in _group.Members) Touch(member);
        // It became one of the other protocol when it had no members; its own record may still be on its way out of the log.
        if (_group.Members.Count == 0 && _group.Classic is { } classic) _classic.Load(classic);
    }

    /// <summary>Takes over the topics there are. Must be called once before anything else is asked, and after every
    /// change.</summary>
    public GroupResult<bool> UpdateTopics(GroupTopics topics)
    {
        ArgumentNullException.ThrowIfNull(topics);
        var change = NewChange();
        if (topics.Version < TopicsVersion) return new GroupResult<bool>(false, change.Records);
        _subscriptions.Topics = topics;
        _offsets.DropOfFormerTopics(change);
        if (_group.Members.Count > 0) _targets.RefreshTopics(change);
        return new GroupResult<bool>(change.Records.Count > 0, change.Records);
    }

    /// <summary>Takes a member's heartbeat: it joins, stays, moves on towards its assignment, or leaves.</summary>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedMemberEpoch, FencedInstanceId, UnreleasedInstanceId,
    /// GroupMaxSizeReached, UnsupportedAssignor, InvalidRegularExpression, InvalidRequest: nothing was changed.</exception>
    public GroupResult<GroupHeartbeatResult> Heartbeat(GroupHeartbeat heartbeat)
    {
        ArgumentNullException.ThrowIfNull(heartbeat);
        HeartbeatRules.Check(heartbeat, _options);
        CheckNotClassic();
        var change = NewChange();
        if (heartbeat.MemberEpoch < 0) return Leave(heartbeat, change);

        if (_group.Find(heartbeat.MemberId) is { } known && IsOutOfDate(known, heartbeat))
        {
            // Of its last one it may hear this answer in place of the first, which had its assignment.
            var isLast = heartbeat.Sequence == known.LastSequence;
            return Answer(known.Id, known.Current.Epoch, isLast ? Tell(known) : null, change);
        }

        var owned = ResolveOwned(heartbeat);
        var member = _membership.FindOrJoin(heartbeat, owned, change);
        // The first that this coordinator hears of a member may be a late copy, sent to the one before it.
        if (heartbeat.Sequence > 0 && member.LastSequence == 0) owned = null;
        member.LastSequence = heartbeat.Sequence;
        member.KnownEpoch = heartbeat.MemberEpoch;
        member.Reported = heartbeat.MemberEpoch == 0 ? PartitionSet.Empty : owned ?? member.Reported;

        var metadata = _membership.Describe(heartbeat, member.Metadata);
        if (!metadata.Equals(member.Metadata))
        {
            if (!metadata.HasSameSubscription(member.Metadata!) || metadata.Assignor != member.Metadata!.Assignor)
                change.RaiseEpoch();
            change.Emit(new MemberRecord(_group.GroupId, member.Id, metadata));
        }

        if (change.Records.Count > 0) _targets.RefreshTopics(change);
        _targets.Refresh(change);
        Reconcile(member, heartbeat, owned, change);
        Touch(member);
        ForgetClassic(change);
        return Answer(member.Id, member.Current.Epoch, AssignmentFor(member, heartbeat), change);
    }

    /// <summary>Whether all the partitions are among the topics it was last given.</summary>
    public bool KnowsAll(IReadOnlyList<KeyValuePair<TopicPartition, GroupOffset>> offsets)
    {
        ArgumentNullException.ThrowIfNull(offsets);
        return offsets.All(offset => offset.Key.Topic is not null
            && _subscriptions.Topics.Find(offset.Key.Topic) is { } topic && offset.Key.Partition < topic.PartitionCount);
    }

    /// <summary>Commits offsets.</summary>
    /// <returns>The fate of each offset, in the order of the request.</returns>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedInstanceId, StaleMemberEpoch: nothing is
    /// committed.</exception>
    public GroupResult<IReadOnlyList<ErrorCode>> CommitOffsets(GroupOffsetCommit commit)
    {
        ArgumentNullException.ThrowIfNull(commit);
        var change = NewChange();
        var results = _offsets.Commit(commit, change);
        return new GroupResult<IReadOnlyList<ErrorCode>>(results, change.Records);
    }

    /// <summary>The committed offsets of the partitions asked for, or of all when null; a partition without one is
    /// absent.</summary>
    public IReadOnlyList<KeyValuePair<TopicPartition, GroupOffset>> FetchOffsets(IReadOnlyList<TopicPartition>? partitions)
    {
        if (partitions is null)
            return [.. _group.Offsets.OrderBy(entry => entry.Key.Topic, StringComparer.Ordinal).ThenBy(entry => entry.Key.Partition)];
        var found = new List<KeyValuePair<TopicPartition, GroupOffset>>(partitions.Count);
        foreach (var partition in partitions)
        {
            if (partition.Topic is not null && _group.Offsets.TryGetValue(partition, out var offset))
                found.Add(new(partition, offset));
        }

        return found;
    }

    /// <summary>Refuses a member that is not, or no longer, in the epoch it says.</summary>
    /// <exception cref="OrleansLogException">UnknownMemberId, StaleMemberEpoch.</exception>
    public void CheckMember(string memberId, int memberEpoch)
    {
        var member = _membership.Identify(memberId, null);
        if (member.Current.Epoch == memberEpoch) return;
        throw new OrleansLogException(
            ErrorCode.StaleMemberEpoch,
            $"Member '{memberId}' of group '{_group.GroupId}' comes with epoch {memberEpoch}, but is in epoch {member.Current.Epoch}.");
    }

    /// <summary>Deletes committed offsets of partitions that no member subscribes to.</summary>
    /// <exception cref="OrleansLogException">GroupIdNotFound, GroupSubscribedToTopic: nothing is deleted.</exception>
    public GroupResult<bool> DeleteOffsets(IReadOnlyList<TopicPartition> partitions)
    {
        ArgumentNullException.ThrowIfNull(partitions);
        CheckExists();
        var change = NewChange();
        _offsets.Delete(partitions, change);
        return new GroupResult<bool>(true, change.Records);
    }

    /// <summary>Deletes the group with its offsets.</summary>
    /// <exception cref="OrleansLogException">NonEmptyGroup, GroupIdNotFound: nothing is deleted.</exception>
    public GroupResult<bool> Delete()
    {
        CheckExists();
        if (MemberCount > 0)
        {
            throw new OrleansLogException(
                ErrorCode.NonEmptyGroup, $"Group '{_group.GroupId}' has {MemberCount} members; only an empty group can be deleted.");
        }

        var change = NewChange();
        _offsets.DeleteAll(change);
        Forget(change);
        return new GroupResult<bool>(true, change.Records);
    }

    /// <summary>Deletes offsets whose time of retention is over, and a group of which nothing is left then.</summary>
    /// <returns>Whether the group is no more.</returns>
    public GroupResult<bool> ExpireOffsets()
    {
        var change = NewChange();
        var had = _group.Offsets.Count;
        _offsets.Expire(change);
        var retentionMs = (long)_options.OffsetsRetention.TotalMilliseconds;
        var emptySinceMs = _offsets.EmptySinceMs;
        var isOver = MemberCount == 0 && !_classic.IsActive && _group.Offsets.Count == 0
            && (had > 0 || (emptySinceMs >= 0 && change.NowMs >= emptySinceMs + retentionMs));
        if (isOver) Forget(change);
        return new GroupResult<bool>(isOver, change.Records);
    }

    /// <summary>Describes the group.</summary>
    public GroupSnapshot Describe() => IsClassic ? DescribeClassic() : new(
        _group.GroupId,
        State(),
        _group.Epoch,
        _targets.PreferredAssignor(),
        [.. _group.Members.Select(member => new MemberSnapshot(
            member.Id, member.Metadata!, member.Current.Epoch, member.Current.State, Names(member.Held), Names(member.Target)))])
    {
        AssignmentEpoch = _group.TargetEpoch,
    };

    /// <summary>Removes the members whose session ended, or that took too long to give partitions up or to come back.</summary>
    /// <returns>The ids of those removed.</returns>
    public GroupResult<IReadOnlyList<string>> Tick()
    {
        var change = NewChange();
        var nowMs = ClockMs;
        var late = nowMs < _nextDeadlineMs ? [] : _group.Members.Where(member => member.DeadlineMs <= nowMs).ToList();
        foreach (var member in late) Remove(member, change);
        _nextDeadlineMs = _group.Members.Count == 0 ? long.MaxValue : _group.Members.Min(member => member.DeadlineMs);
        return new GroupResult<IReadOnlyList<string>>(
            [.. late.Select(member => member.Id), .. _classic.Tick(change)], change.Records);
    }

    private GroupResult<GroupHeartbeatResult> Leave(GroupHeartbeat heartbeat, GroupChange change)
    {
        var member = _membership.Identify(heartbeat.MemberId, heartbeat.InstanceId);
        if (!IsOutOfDate(member, heartbeat))
        {
            member.LastSequence = heartbeat.Sequence;
            if (heartbeat.MemberEpoch == CurrentAssignment.AwayEpoch) _membership.SetAway(member, change);
            else Remove(member, change);
        }

        return Answer(heartbeat.MemberId, heartbeat.MemberEpoch, null, change);
    }

    private void Remove(GroupMember member, GroupChange change)
    {
        _membership.Remove(member, change);
        _targets.RefreshTopics(change);
    }

    private void Reconcile(GroupMember member, GroupHeartbeat heartbeat, PartitionSet? owned, GroupChange change)
    {
        // Only a member that is where the coordinator believes it to be can say that it gave something up: it has heard that it
        // has to. One that rejoins owns nothing, but its request may be a late copy of the one it once joined with.
        var givenUp = heartbeat.MemberEpoch == member.Current.Epoch && heartbeat.MemberEpoch > 0 ? owned : null;
        var reconciliation = new Reconciliation(
            member.Target, _group.TargetEpoch, partition => _group.HolderOf(partition) is { } holder && holder != member.Id);
        var before = member.Current;
        // One that took its instance over, and did not come to its first epoch before the coordinator failed, has not been told anything.
        var next = reconciliation.Step(before, givenUp, before.Epoch == 0 ? PartitionSet.Empty : member.Told);
        if (next.Epoch == before.Epoch && next.PreviousEpoch == before.PreviousEpoch && next.State == before.State
            && next.Assigned.Equals(before.Assigned) && next.PendingRevocation.Equals(before.PendingRevocation))
        {
            return;
        }

        change.Emit(new CurrentAssignmentRecord(_group.GroupId, member.Id, next));
        member.RevocationDeadlineMs = next.State == MemberState.UnrevokedPartitions
            ? ClockMs + member.Metadata!.RebalanceTimeoutMs
            : long.MaxValue;
    }

    /// <summary>Its assignment, if it does not know it: when it changed, when it asks in full, and until it has said that it owns
    /// just that.</summary>
    private List<TopicPartition>? AssignmentFor(GroupMember member, GroupHeartbeat heartbeat)
    {
        var assigned = member.Current.Assigned;
        var isFull = heartbeat.MemberEpoch == 0
            || (heartbeat.RebalanceTimeoutMs != -1 && heartbeat.OwnedPartitions is not null
                && (heartbeat.SubscribedTopics is not null || heartbeat.SubscribedPattern is not null));
        var knows = assigned.Equals(member.Told)
            && (member.Reported is { } reported ? assigned.Equals(reported) : member.Current.State != MemberState.UnrevokedPartitions);
        return !isFull && knows ? null : Tell(member);
    }

    private List<TopicPartition> Tell(GroupMember member)
    {
        member.Told = member.Current.Assigned;
        return Names(member.Told);
    }

    private static bool IsOutOfDate(GroupMember member, GroupHeartbeat heartbeat) =>
        heartbeat.Sequence > 0 && heartbeat.Sequence <= member.LastSequence;

    /// <summary>Finds the partitions that the member says it owns. A name may stand for a partition of a former topic that the
    /// member holds, as well as for the one of that name now.</summary>
    private PartitionSet? ResolveOwned(GroupHeartbeat heartbeat)
    {
        if (heartbeat.OwnedPartitions is not { } owned) return null;
        if (owned.Count == 0) return PartitionSet.Empty;
        var held = _group.Find(heartbeat.MemberId)?.Held ?? PartitionSet.Empty;
        var byName = held.ToLookup(partition => new TopicPartition(_group.NameOf(partition.TopicId), partition.Partition));
        return PartitionSet.Of(owned.Where(partition => partition.Topic is not null).SelectMany(partition =>
            byName.Contains(partition)
                ? byName[partition]
                : [new TopicIdPartition(_subscriptions.Topics.Find(partition.Topic)?.Id ?? Guid.Empty, partition.Partition)]));
    }

    private List<TopicPartition> Names(PartitionSet partitions) =>
        [.. partitions.Select(partition => new TopicPartition(_group.NameOf(partition.TopicId), partition.Partition))
            .OrderBy(partition => partition.Topic, StringComparer.Ordinal).ThenBy(partition => partition.Partition)];

    private GroupState State()
    {
        if (!_group.Exists) return GroupState.Dead;
        if (_group.Members.Count == 0) return GroupState.Empty;
        if (_group.TargetEpoch < _group.Epoch) return GroupState.Assigning;
        return _group.Members.All(member => member.Current.State == MemberState.Stable && member.Current.Epoch == _group.TargetEpoch)
            ? GroupState.Stable
            : GroupState.Reconciling;
    }

    private GroupResult<GroupHeartbeatResult> Answer(
        string memberId, int epoch, IReadOnlyList<TopicPartition>? assignment, GroupChange change) =>
        new(new GroupHeartbeatResult(memberId, epoch, (int)_options.HeartbeatInterval.TotalMilliseconds, assignment), change.Records);

    private void Touch(GroupMember member)
    {
        member.SessionDeadlineMs = ClockMs + (long)_options.SessionTimeout.TotalMilliseconds;
        if (member.Current.State == MemberState.UnrevokedPartitions && member.RevocationDeadlineMs == long.MaxValue)
            member.RevocationDeadlineMs = ClockMs + member.Metadata!.RebalanceTimeoutMs;
        _nextDeadlineMs = Math.Min(_nextDeadlineMs, member.DeadlineMs);
    }

    private void Forget(GroupChange change)
    {
        ForgetClassic(change);
        ForgetEpochs(change);
    }

    private void ForgetEpochs(GroupChange change)
    {
        if (_group.EpochTimestampMs < 0) return;
        change.Emit(new TargetEpochRecord(_group.GroupId, null));
        change.Emit(new SubscribedTopicsRecord(_group.GroupId, null));
        change.Emit(new GroupEpochRecord(_group.GroupId, null));
    }

    private void CheckExists()
    {
        if (!Exists)
            throw new OrleansLogException(ErrorCode.GroupIdNotFound, $"There is no group '{_group.GroupId}'.");
    }

    private GroupChange NewChange() => new(_group, _time.GetUtcNow().ToUnixTimeMilliseconds());
}
