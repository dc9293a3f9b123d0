using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>The followers: what each holds, and what follows from that.</summary>
public sealed partial class PartitionLeader
{
    private readonly Dictionary<int, FollowerProgress> _followers = [];
    private readonly TaskCompletionSource<LeaderEnd> _ended = Continuations.NewCompletion<LeaderEnd>();
    private readonly ReplicationContext? _replication;
    private readonly WatermarkTells? _tells;
    private FollowerPush[] _pushes = [];

    // Those that the high watermark waits for. Under the state lock.
    private FollowerProgress[] _counted = [];
    private long _epochStart;
    private bool _isReplicated;

    /// <summary>Completes when it leads no more, with the reason. A leader that ended by itself has refused everything since.</summary>
    public Task<LeaderEnd> Ended => _ended.Task;

    internal DeadlineTokens Deadlines => _deadlines;

    /// <summary>
    /// Notes that a follower holds all records before <paramref name="matchOffset"/> (durably, unless the topic is relaxed), and
    /// commits what all in-sync replicas hold now.
    /// </summary>
    public void ReportFollower(int nodeId, long matchOffset)
    {
        lock (_stateGate)
        {
            if (!_followers.TryGetValue(nodeId, out var follower)) return;
            follower.Report(matchOffset);
        }

        AdvanceHighWatermark();
    }

    /// <summary>The cluster holds a node for dead: it leaves the ISR at once, and is not called before it is up again, or rarely.</summary>
    public void NoteNodeDown(int nodeId)
    {
        lock (_stateGate)
        {
            if (!_followers.TryGetValue(nodeId, out var follower)) return;
            follower.IsDown = true;
            follower.End();
        }

        foreach (var push in Volatile.Read(ref _pushes))
            if (push.NodeId == nodeId) push.Abort();
        RemoveFromIsr(nodeId);
    }

    /// <summary>
    /// A node is there (again), or asks to be looked at because it found damage: a new session is opened with it at once. On an idle
    /// partition nothing else would tell that it lost something.
    /// </summary>
    public void NoteNodeUp(int nodeId)
    {
        lock (_stateGate)
            if (_followers.TryGetValue(nodeId, out var follower)) follower.IsDown = false;
        foreach (var push in Volatile.Read(ref _pushes))
            if (push.NodeId == nodeId) push.Reopen();
    }

    /// <summary>
    /// Reads the whole log in search of damage that nobody has come across; false when there is some, and then it has given way if
    /// another replica is in sync. Takes as long as the disk does, on the caller's thread.
    /// </summary>
    /// <param name="onRead">Hears how many bytes were read, and may take its time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OrleansLogException">The disk failed, or the log was closed.</exception>
    public bool Scrub(Action<int>? onRead = null, CancellationToken cancellationToken = default)
    {
        if (_log.Scrub(_options.ScrubBytesAtATime, onRead, cancellationToken)) return true;
        OnOwnDamage(new OrleansLogException(
            ErrorCode.CorruptMessage, $"Its log is damaged: {string.Join("; ", _log.CorruptRegions.Take(3))}."));
        return false;
    }

    /// <summary>Completes when all that it had going has ended; <see cref="Close()"/> it first.</summary>
    public Task StopAsync()
    {
        FollowerPush[] pushes;
        lock (_stateGate) pushes = _pushes;
        return Task.WhenAll([.. pushes.Select(push => push.Completion), _isrLoop]);
    }

    /// <summary>Whether this is the first leader that the partition ever had, and nothing was committed yet.</summary>
    internal bool HasCommittedNothing => State.LeaderEpoch == 0 && _epochStart == 0 && _commit.Offset == 0;

    internal bool IsCounted(int nodeId)
    {
        lock (_stateGate) return Array.Exists(_counted, follower => follower.NodeId == nodeId);
    }

    internal void OnFollowerAligned(FollowerProgress follower, long matchOffset, bool isLeaving)
    {
        lock (_stateGate) follower.Begin(matchOffset);
        OnFollowerAnswer(follower, matchOffset, isLeaving);
    }

    internal void OnFollowerAnswer(FollowerProgress follower, long matchOffset, bool isLeaving)
    {
        bool mustLeave, mayJoin;
        lock (_stateGate)
        {
            follower.Report(matchOffset);
            follower.IsLeaving = isLeaving;
            mustLeave = (isLeaving && CanDoWithout(follower.NodeId)) || IsLagging(follower);
            // Whatever made it leave, and is not stored yet, is over.
            if (!mustLeave && IsUpToDate(follower)) _leaving.Remove(follower.NodeId);
            mayJoin = !mustLeave && MayJoin(follower);
        }

        AdvanceHighWatermark();
        if (mustLeave) RemoveFromIsr(follower.NodeId);
        else if (mayJoin) AddToIsr();
        if (Volatile.Read(ref _resigning)) _followerMoved.Set();
    }

    internal void OnFollowerTold(FollowerProgress follower, long highWatermark)
    {
        lock (_stateGate) follower.KnownHighWatermark = Math.Max(follower.KnownHighWatermark, highWatermark);
    }

    /// <summary>A session has ended; answers how long to wait before the next.</summary>
    internal TimeSpan OnFollowerFailed(FollowerProgress follower, long since, TimeSpan delay)
    {
        var options = _replication!.Options;
        bool mustLeave;
        lock (_stateGate)
        {
            follower.End();
            follower.FailingSince ??= since;
            var left = options.FailureGrace - _time.GetElapsedTime(follower.FailingSince.Value);
            mustLeave = follower.IsDown || left <= TimeSpan.Zero;
            if (follower.IsDown) delay = options.MaxRetryDelay * 6;
            else if (!mustLeave && left < delay) delay = left;
        }

        if (mustLeave) RemoveFromIsr(follower.NodeId);
        return delay;
    }

    internal void OnFollowerUnavailable(FollowerProgress follower)
    {
        lock (_stateGate)
        {
            follower.End();
            // What a disk that fails still has is not known.
            if (_replication is not null) Exclude(follower.NodeId);
        }
    }

    /// <summary>
    /// A batch of the own log cannot be read. Where another replica is in sync, this one gives way to it; where none is, it goes on
    /// with what it has.
    /// </summary>
    internal void OnOwnDamage(OrleansLogException damage)
    {
        if (State.Isr.Count < 2 || IsClosed) return;
        try
        {
            _log.MarkSuspect(_log.DamagedFrom);
        }
        catch (OrleansLogException failure)
        {
            _logger.LogError(failure, "The damage of {Partition} could not be noted on disk", _log.Partition);
        }

        End(LeaderEndReason.Damaged, State.LeaderEpoch, $"Node {_nodeId} gives up leading {_log.Partition}: {damage.Message}");
    }

    internal void EndFenced(int knownEpoch, int byNode) => End(
        LeaderEndReason.Fenced, knownEpoch,
        $"Node {_nodeId} led {_log.Partition} in epoch {State.LeaderEpoch}, which is over: node {byNode} knows of epoch {knownEpoch}.");

    internal void EndOffline() => End(
        LeaderEndReason.Offline, State.LeaderEpoch, $"Node {_nodeId} gives up leading {_log.Partition}: {_log.Offline?.Message}");

    private void BeginReplicatedTerm()
    {
        // A follower that is asked for an older epoch after this refuses, the one on this node included.
        _log.RaiseFencedEpoch(State.LeaderEpoch);
        _log.BeginEpochAtEnd(State.LeaderEpoch);
    }

    // Under the state lock, or in the constructor. Answers what the caller starts and stops outside of it.
    private (List<FollowerPush> Begun, List<FollowerPush> Gone) TrackFollowers(PartitionState state)
    {
        var nodes = state.Replicas.Union(state.Isr).Where(node => node != _nodeId).ToHashSet();
        foreach (var gone in _followers.Keys.Where(node => !nodes.Contains(node)).ToArray()) _followers.Remove(gone);
        foreach (var node in nodes)
            if (!_followers.ContainsKey(node)) _followers.Add(node, new FollowerProgress(node));
        _isReplicated |= nodes.Count > 0;
        Recount(state);
        if (_replication is null) return ([], []);
        var ended = _pushes.Where(push => !nodes.Contains(push.NodeId)).ToList();
        var begun = nodes.Where(node => !Array.Exists(_pushes, push => push.NodeId == node))
            .Select(node => new FollowerPush(this, _followers[node], _replication, _tells!, _time, _logger)).ToList();
        Volatile.Write(ref _pushes, [.. _pushes.Except(ended), .. begun]);
        return (begun, ended);
    }

    private static void StartAndStop((List<FollowerPush> Begun, List<FollowerPush> Gone) pushes)
    {
        foreach (var push in pushes.Gone) push.Stop();
        foreach (var push in pushes.Begun) push.Start();
    }

    // For exception filters: it sees to the consequences, and catches nothing.
    private bool NoteOffline()
    {
        if (_isReplicated && _log.Offline is not null) EndOffline();
        return false;
    }

    private void WakePushes(long appendedBytes)
    {
        if (appendedBytes <= 0) return;
        foreach (var push in Volatile.Read(ref _pushes)) push.Wake((int)Math.Min(appendedBytes, int.MaxValue));
    }

    /// <summary>Whether nothing is committed, so that the eligible replicas lack nothing.</summary>
    private bool IsHalted => State.Eligible.Count > 0;

    /// <summary>Commits what every in-sync replica holds.</summary>
    private void AdvanceHighWatermark()
    {
        var held = _log.HeldEndOffset;
        if (_replication is null && !_isReplicated)
        {
            _commit.AdvanceTo(held);
            return;
        }

        if (_log.FencedEpoch > State.LeaderEpoch) EndFenced(_log.FencedEpoch, _nodeId);
        CommitRise rise;
        lock (_stateGate)
        {
            if (IsHalted) return;
            // Under the lock as a whole: a replica that joins must hold what is committed from then on.
            foreach (var follower in _counted) held = Math.Min(held, follower.MatchOffset);
            if (held <= _commit.Offset || !_commit.TryRaise(held, out rise)) return;
            if (_isReplicated) _log.NoteCommitted(held);
        }

        rise.Complete();
        var mustHurry = Volatile.Read(ref _resigning);
        foreach (var push in Volatile.Read(ref _pushes))
        {
            if (mustHurry) push.TellNow();
            else push.NoteHighWatermark();
        }
    }
}
