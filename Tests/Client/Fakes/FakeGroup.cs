using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>A group's coordinator whose assignments a test makes by hand.</summary>
internal sealed class FakeGroup : IConsumerGroupGrain
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Member> _members = [];
    private readonly List<string> _events = [];
    private readonly List<GroupHeartbeatRequest> _heartbeats = [];
    private readonly List<(string What, TaskCompletionSource Met)> _eventWaits = [];
    private readonly List<(Func<GroupHeartbeatRequest, bool> Condition, TaskCompletionSource<GroupHeartbeatRequest> Met)> _waits = [];
    private Exception? _nextFailure;
    private TaskCompletionSource? _fetchHeld;

    public Dictionary<TopicPartition, long> Committed { get; } = [];

    /// <summary>What happened, in its order: commits, heartbeats that say what is owned, leaves.</summary>
    public IReadOnlyList<string> Events
    {
        get
        {
            lock (_gate) return [.. _events];
        }
    }

    public IReadOnlyList<GroupHeartbeatRequest> Heartbeats
    {
        get
        {
            lock (_gate) return [.. _heartbeats];
        }
    }

    /// <summary>What a member gets that joins without having been assigned anything.</summary>
    public IReadOnlyList<TopicPartition> OnJoin { get; set; } = [];

    public void Assign(string memberId, params IReadOnlyList<TopicPartition> partitions)
    {
        lock (_gate)
        {
            var member = _members[memberId];
            member.Assignment = partitions;
            member.Epoch++;
            member.MustTell = true;
        }
    }

    /// <summary>The next heartbeat is answered by <paramref name="failure"/>.</summary>
    public void FailNext(Exception failure)
    {
        lock (_gate) _nextFailure = failure;
    }

    /// <summary>Holds every answer of <see cref="FetchOffsets"/> back until the returned action is called.</summary>
    public Action HoldFetches()
    {
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _fetchHeld = held;
        return () =>
        {
            _fetchHeld = null;
            held.SetResult();
        };
    }

    public void Forget(string memberId)
    {
        lock (_gate) _members.Remove(memberId);
    }

    public void Record(string what)
    {
        lock (_gate)
        {
            _events.Add(what);
            foreach (var wait in _eventWaits)
                if (wait.What == what) wait.Met.TrySetResult();
        }
    }

    /// <summary>Completes when something is recorded, if it has not been by now.</summary>
    public Task WhenRecorded(string what)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_events.Contains(what)) return Task.CompletedTask;
            _eventWaits.Add((what, met));
        }

        return met.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    public bool Happened(string what)
    {
        lock (_gate) return _events.Contains(what);
    }

    public Task<GroupHeartbeatRequest> WhenHeartbeat(Func<GroupHeartbeatRequest, bool> condition)
    {
        var met = new TaskCompletionSource<GroupHeartbeatRequest>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate) _waits.Add((condition, met));
        return met.Task.WaitAsync(TimeSpan.FromSeconds(20));
    }

    public Task<GroupHeartbeatResponse> Heartbeat(GroupHeartbeatRequest request)
    {
        lock (_gate)
        {
            _heartbeats.Add(request);
            try
            {
                return Task.FromResult(Answer(request));
            }
            catch (Exception exception)
            {
                return Task.FromException<GroupHeartbeatResponse>(exception);
            }
            finally
            {
                foreach (var wait in _waits.Where(wait => wait.Condition(request)).ToList())
                {
                    _waits.Remove(wait);
                    wait.Met.SetResult(request);
                }
            }
        }
    }

    public Task<IReadOnlyList<OffsetCommitResult>> CommitOffsets(OffsetCommitRequest request)
    {
        lock (_gate)
        {
            if (request.MemberId.Length > 0)
            {
                if (!_members.TryGetValue(request.MemberId, out var member))
                    throw new OrleansLogException(ErrorCode.UnknownMemberId, $"Member {request.MemberId} is not known.");
                if (member.Epoch != request.MemberEpoch)
                    throw new OrleansLogException(ErrorCode.StaleMemberEpoch, $"Epoch {request.MemberEpoch} is not {member.Epoch}.");
            }

            foreach (var offset in request.Offsets)
            {
                Committed[offset.Partition] = offset.Offset;
                _events.Add($"commit {offset.Partition}@{offset.Offset}");
            }

            return Task.FromResult<IReadOnlyList<OffsetCommitResult>>(
                [.. request.Offsets.Select(static offset => new OffsetCommitResult(offset.Partition, ErrorCode.None))]);
        }
    }

    public async Task<IReadOnlyList<CommittedOffset>> FetchOffsets(
        IReadOnlyList<TopicPartition>? partitions, string? memberId = null, int memberEpoch = -1)
    {
        if (_fetchHeld is { } held) await held.Task;
        lock (_gate)
        {
            return [.. Committed
                .Where(pair => partitions is null || partitions.Contains(pair.Key))
                .Select(static pair => new CommittedOffset(pair.Key, pair.Value))];
        }
    }

    public Task<ClassicJoinResponse> JoinClassic(ClassicJoinRequest request) => throw new NotSupportedException();

    public Task<ClassicSyncResponse> SyncClassic(ClassicSyncRequest request) => throw new NotSupportedException();

    public Task<ErrorCode> HeartbeatClassic(string memberId, string? instanceId, int generation) =>
        throw new NotSupportedException();

    public Task<IReadOnlyList<ErrorCode>> LeaveClassic(IReadOnlyList<ClassicLeavingMember> members) =>
        throw new NotSupportedException();

    public Task<GroupDescription> Describe()
    {
        lock (_gate)
            return Task.FromResult(new GroupDescription(
                "group", _members.Count > 0 ? "Stable" : Committed.Count > 0 ? "Empty" : "Dead", 1, "range",
                [.. _members.Select(static pair => new GroupMemberDescription(
                    pair.Key, null, "test", pair.Value.Epoch, [], null, pair.Value.Assignment, pair.Value.Assignment))]));
    }

    public Task DeleteOffsets(IReadOnlyList<TopicPartition> partitions) => throw new NotSupportedException();

    public Task Delete() => throw new NotSupportedException();

    private GroupHeartbeatResponse Answer(GroupHeartbeatRequest request)
    {
        if (_nextFailure is { } failure)
        {
            _nextFailure = null;
            throw failure;
        }

        if (request.MemberEpoch < 0)
        {
            _events.Add($"leave {request.MemberEpoch}");
            _members.Remove(request.MemberId);
            return new GroupHeartbeatResponse(request.MemberId, request.MemberEpoch, 10, null);
        }

        if (request.MemberEpoch == 0 && !_members.ContainsKey(request.MemberId))
            _members[request.MemberId] = new Member { Assignment = OnJoin, Epoch = 1, MustTell = true };
        if (!_members.TryGetValue(request.MemberId, out var member))
            throw new OrleansLogException(ErrorCode.UnknownMemberId, $"Member {request.MemberId} is not known.");
        if (request.OwnedPartitions is { Count: > 0 } owned) _events.Add($"owns {string.Join(' ', owned)}");
        else if (request.OwnedPartitions is not null && request.MemberEpoch > 0) _events.Add("owns nothing");
        var tell = member.MustTell || request.MemberEpoch == 0;
        member.MustTell = false;
        return new GroupHeartbeatResponse(request.MemberId, member.Epoch, 10, tell ? member.Assignment : null);
    }

    private sealed class Member
    {
        public int Epoch { get; set; }

        public IReadOnlyList<TopicPartition> Assignment { get; set; } = [];

        public bool MustTell { get; set; }
    }
}
