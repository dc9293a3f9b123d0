using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// Keeping the in-sync replicas, and ending reassignments: one change at a time, by compare-and-set, in a loop that runs only while
/// there is one to make. Until the outcome of a change is known, the high watermark waits for those who were in sync and for those
/// who may be; and as long as replicas are eligible that are not in sync, it does not rise at all.
/// </summary>
public sealed partial class PartitionLeader
{
    // All under the state lock.
    private readonly HashSet<int> _leaving = [];
    private readonly HashSet<int> _attempted = [];

    // Those that lost something, until they have joined again.
    private readonly HashSet<int> _lost = [];
    private readonly WakeSignal _isrRetry = new();
    private TaskCompletionSource? _isrChange;
    private Task _isrLoop = Task.CompletedTask;
    private bool _isrRuns;
    private bool _isUnresolved;

    /// <summary>
    /// A replica lacks something that was committed, or is about to. Completes when it may not lead any more by the stored state, or
    /// the leader has ended.
    /// </summary>
    internal async Task RemoveLostAsync(int nodeId)
    {
        while (true)
        {
            Task change;
            lock (_stateGate)
            {
                // Whoever closes it wakes those who wait after that.
                if (IsClosed || !Exclude(nodeId)) return;
                change = (_isrChange ??= Continuations.NewCompletion()).Task;
            }

            await change.ConfigureAwait(Continuations.StayOnContext);
        }
    }

    // Under the state lock. False when it may not lead as it is.
    private bool Exclude(int nodeId)
    {
        if (!_state.Isr.Contains(nodeId) && !_state.Eligible.Contains(nodeId) && !_attempted.Contains(nodeId)) return false;
        _lost.Add(nodeId);
        _leaving.Add(nodeId);
        RunIsrLoop();
        return true;
    }

    private void RemoveFromIsr(int nodeId)
    {
        lock (_stateGate)
        {
            if (_replication is null || (!_state.Isr.Contains(nodeId) && !_attempted.Contains(nodeId))) return;
            _leaving.Add(nodeId);
            RunIsrLoop();
        }
    }

    private void AddToIsr()
    {
        lock (_stateGate)
            if (_replication is not null) RunIsrLoop();
    }

    // It holds all that is committed, and all that this leader found when it took office, of which some may have been committed
    // before without this leader knowing.
    private bool MayJoin(FollowerProgress follower) =>
        IsUpToDate(follower) && !IsLagging(follower) && !follower.IsLeaving
        && !_state.Isr.Contains(follower.NodeId) && _state.Replicas.Contains(follower.NodeId);

    // The high watermark may stand still, so that being up to it is not enough.
    private bool IsLagging(FollowerProgress follower)
    {
        var now = _time.GetTimestamp();
        return follower.BehindSince(_log.LogEndOffset, now) is { } since && _time.GetElapsedTime(since, now) > _replication!.Options.LagTimeMax;
    }

    // Whether enough are in sync without it for appends to go on. Those that are about to stop do not leave fewer than that by themselves.
    private bool CanDoWithout(int nodeId) =>
        _state.Isr.Count(node => node != nodeId && !_leaving.Contains(node)) >= _log.Config.MinInsyncReplicas;

    private bool IsUpToDate(FollowerProgress follower) =>
        follower.IsAligned && !follower.IsDown && follower.MatchOffset >= _commit.Offset && follower.MatchOffset >= _epochStart;

    private void RunIsrLoop()
    {
        if (_isrRuns || IsClosed) return;
        _isrRuns = true;
        _isrLoop = Continuations.Run(ChangeIsrAsync);
    }

    private async Task ChangeIsrAsync()
    {
        var options = _replication!.Options;
        var delay = options.MinRetryDelay;
        while (NextStep() is { } change)
        {
            try
            {
                using var limit = new CancellationTokenSource(options.StoreTimeout, _time);
                var stored = await _replication.Store.ChangeAsync(change.Expected, change.Next, limit.Token)
                    .WaitAsync(limit.Token).ConfigureAwait(Continuations.StayOnContext);
                _logger.LogInformation(
                    "{Partition}: in sync are {Isr} of the replicas {Replicas}, in epoch {Epoch}",
                    _log.Partition, string.Join(", ", stored.Isr), string.Join(", ", stored.Replicas), stored.LeaderEpoch);
                Adopt(stored);
                delay = options.MinRetryDelay;
            }
            catch (OrleansLogException refused) when (refused.Error is ErrorCode.FencedLeaderEpoch or ErrorCode.NotLeaderOrFollower)
            {
                EndRefused(refused);
            }
            catch (Exception failure)
            {
                // It may have been stored nevertheless, or may be yet. The next try tells.
                lock (_stateGate) _isUnresolved = true;
                _logger.LogWarning(failure, "The in-sync replicas of {Partition} could not be stored", _log.Partition);
                await _isrRetry.WaitAsync().WaitAsync(delay, _time).ConfigureAwait(Continuations.SuppressThrowing);
                delay = TimeSpan.FromTicks(Math.Min(delay.Ticks * 2, options.MaxRetryDelay.Ticks));
            }
        }
    }

    // Null when there is nothing to change, and the loop is over.
    private (PartitionState Expected, PartitionState Next)? NextStep()
    {
        lock (_stateGate)
        {
            var next = IsClosed ? null : Wanted();
            if (next is null || (!_isUnresolved && ReferenceEquals(next, _state)))
            {
                _leaving.Clear();
                _isrRuns = false;
                return null;
            }

            _attempted.UnionWith(next.Isr);
            // Whoever joins holds all there is, whatever it once lost.
            _lost.ExceptWith(next.Isr.Except(_state.Isr));
            Recount(_state);
            return (_state, next with { Version = checked(_state.Version + 1) });
        }
    }

    // The same object when nothing is to change.
    private PartitionState Wanted()
    {
        // As long as it is not known how much of what leaders before this one committed there is, it is better found out than kept
        // from readers.
        var eligibleBelow = _commit.Offset >= TermStartOffset ? _log.Config.EligibleBelow : 0;
        var next = _state.WithIsr(TargetIsr(), eligibleBelow, _lost);
        return Reassignment.Complete(next, _log.Config.MinInsyncReplicas) ?? next;
    }

    private int[] TargetIsr()
    {
        // Who fell behind again since it was to join must not; who is up to date may, though it has nothing more to say: when it was
        // taken out, and all is quiet.
        var joining = _followers.Values.Where(follower => MayJoin(follower) && !_leaving.Contains(follower.NodeId));
        return [.. _state.Isr.Where(node => !_leaving.Contains(node)), .. joining.Select(follower => follower.NodeId)];
    }

    private void Adopt(PartitionState stored)
    {
        if (stored.LeaderEpoch != State.LeaderEpoch || stored.Leader != _nodeId)
        {
            End(
                LeaderEndReason.Fenced, stored.LeaderEpoch,
                $"Node {_nodeId} leads {_log.Partition} no more: node {stored.Leader} does, in epoch {stored.LeaderEpoch}.");
            return;
        }

        TakeOver(stored);
    }

    private void TakeOver(PartitionState state)
    {
        (List<FollowerPush> Begun, List<FollowerPush> Gone) pushes;
        TaskCompletionSource? change;
        if (state.Replicas.Count > 1) BeginToReplicate();

        lock (_stateGate)
        {
            // An answer that was overtaken by a later change says nothing.
            if (state.Version < _state.Version) return;
            Volatile.Write(ref _state, state);
            _attempted.Clear();
            _isUnresolved = false;
            _leaving.IntersectWith(state.Isr);
            if (!_isReplicated && state.Replicas.Count > 1)
            {
                // Alone, this leader committed all that it had.
                _epochStart = _commit.Offset;
                _log.NoteCommitted(_commit.Offset);
            }

            pushes = TrackFollowers(state);
            (change, _isrChange) = (_isrChange, null);
            if (state.IsReassigning && _replication is not null) RunIsrLoop();
        }

        StartAndStop(pushes);
        change?.TrySetResult();
        if (IsHalted) _commit.Wake();
        AdvanceHighWatermark();
        if (Volatile.Read(ref _resigning)) _followerMoved.Set();
    }

    // Under the state lock.
    private void Recount(PartitionState state) =>
        _counted = [.. _followers.Values.Where(follower => state.Isr.Contains(follower.NodeId) || _attempted.Contains(follower.NodeId))];

    private void EndRefused(OrleansLogException refused) => End(
        LeaderEndReason.Fenced, State.LeaderEpoch, $"Node {_nodeId} leads {_log.Partition} no more: {refused.Message}");

    private void WakeIsrWaiters()
    {
        TaskCompletionSource? change;
        lock (_stateGate) (change, _isrChange) = (_isrChange, null);
        change?.TrySetResult();
        _isrRetry.Set();
    }
}
