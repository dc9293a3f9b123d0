using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// The leader's half of a partition's replication, for one leader epoch: it appends, decides what is committed (the high
/// watermark) and serves reads up to there. In the default mode only what an fsync has covered is committed, so a reader never
/// sees a record that a power loss could take back.
/// Thread-safe. Appends run in the order of their calls, on the caller's thread; no call waits for a read, and a read takes no
/// lock. A new epoch needs a new instance: this one is fenced and answers NotLeaderOrFollower from then on.
/// </summary>
public sealed partial class PartitionLeader
{
    private readonly PartitionLog _log;
    private readonly int _nodeId;
    private readonly TimeProvider _time;
    private readonly PartitionLeaderOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _stateGate = new();
    private readonly Dictionary<int, FollowerProgress> _followers = [];
    private readonly CommitPoint _commit;
    private PartitionState _state;
    private OrleansLogException? _closed;

    /// <summary>Takes office on a log of this node.</summary>
    /// <param name="log">The node's own log of the partition, recovered.</param>
    /// <param name="state">The stored state, which names this node as the leader.</param>
    /// <param name="nodeId">This node.</param>
    /// <param name="time">The clock for timeouts.</param>
    /// <param name="options">Bounds; the defaults when null.</param>
    /// <param name="logger">Hears of failures that no caller waits for.</param>
    /// <exception cref="OrleansLogException">The state names another leader (NotLeaderOrFollower), or the log has records of a
    /// later epoch than the state's (FencedLeaderEpoch): the state is out of date.</exception>
    public PartitionLeader(
        PartitionLog log,
        PartitionState state,
        int nodeId,
        TimeProvider time,
        PartitionLeaderOptions? options = null,
        ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(time);
        _log = log;
        _nodeId = nodeId;
        _time = time;
        _options = options ?? PartitionLeaderOptions.Default;
        _logger = logger ?? NullLogger.Instance;
        _gate = new SequenceGate(_options);
        _deadlines = new DeadlineTokens(time);
        CheckNames(state);
        if (log.LatestEpoch > state.LeaderEpoch)
        {
            throw new OrleansLogException(
                ErrorCode.FencedLeaderEpoch,
                $"Node {nodeId} cannot lead {log.Partition} in epoch {state.LeaderEpoch}: its log has records of epoch {log.LatestEpoch}.");
        }

        _state = state;
        TrackFollowers(state);
        _commit = new CommitPoint(log.LogStartOffset);
        AdvanceHighWatermark();
        var end = log.LogEndOffset;
        if (_commit.Offset >= end) return;
        // What was found beyond the high watermark is committed in this epoch.
        _commit.Appended(end, log.SizeInBytes);
        CommitInBackground(end);
    }

    /// <summary>The log it leads.</summary>
    public PartitionLog Log => _log;

    /// <summary>The state it leads by.</summary>
    public PartitionState State => Volatile.Read(ref _state);

    /// <summary>The offset up to which records are committed, and so may be read.</summary>
    public long HighWatermark => _commit.Offset;

    /// <summary>The offset up to which the outcome of every transaction is known; the high watermark as long as there are none.</summary>
    public long LastStableOffset => _commit.Offset;

    /// <summary>Whether it has been fenced or closed.</summary>
    public bool IsClosed => Volatile.Read(ref _closed) is not null;

    /// <summary>Takes over a change of the replicas or in-sync replicas within the epoch.</summary>
    /// <exception cref="OrleansLogException">The state is of another epoch or leader.</exception>
    public void ApplyState(PartitionState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        CheckNames(state);
        CheckEpoch(state.LeaderEpoch);
        lock (_stateGate)
        {
            TrackFollowers(state);
            Volatile.Write(ref _state, state);
        }

        AdvanceHighWatermark();
    }

    /// <summary>
    /// Notes that a follower holds all records before <paramref name="matchOffset"/> (durably, unless the topic is relaxed), and
    /// commits what all in-sync replicas hold now.
    /// </summary>
    public void ReportFollower(int nodeId, long matchOffset)
    {
        lock (_stateGate)
        {
            if (!_followers.TryGetValue(nodeId, out var follower)) return;
            follower.Report(matchOffset, _log.LogEndOffset, _time.GetUtcNow());
        }

        AdvanceHighWatermark();
    }

    /// <summary>A newer epoch is known: refuses everything from now on, and fails everyone who waits, with NotLeaderOrFollower.</summary>
    public void Fence() => Close($"Node {_nodeId} led {_log.Partition} in epoch {State.LeaderEpoch}, which is over.");

    /// <summary>Stops leading, as <see cref="Fence"/> does; the log stays open and is its owner's.</summary>
    public void Close() => Close($"Node {_nodeId} has stopped leading {_log.Partition}.");

    private void Close(string reason)
    {
        var closed = new OrleansLogException(ErrorCode.NotLeaderOrFollower, reason);
        if (Interlocked.CompareExchange(ref _closed, closed, null) is not null) return;
        _commit.Close(closed);
        _deadlines.CancelAll();
        // Whoever holds the lock now appends before the end; nobody does after it.
        lock (_appendGate) _gate.FailAll(closed);
    }

    private PartitionState CheckLeads(int currentLeaderEpoch)
    {
        if (Volatile.Read(ref _closed) is { } closed) throw closed.Renewed();
        if (currentLeaderEpoch >= 0) CheckEpoch(currentLeaderEpoch);
        return State;
    }

    private void CheckEpoch(int epoch)
    {
        var own = State.LeaderEpoch;
        if (epoch == own) return;
        throw epoch < own
            ? new OrleansLogException(
                ErrorCode.FencedLeaderEpoch, $"Leader epoch {epoch} of {_log.Partition} is over; the current one is {own}.")
            : new OrleansLogException(
                ErrorCode.UnknownLeaderEpoch, $"Leader epoch {epoch} of {_log.Partition} is not known here; the current one is {own}.");
    }

    private void CheckNames(PartitionState state)
    {
        if (state.Leader == _nodeId && state.Isr.Contains(_nodeId)) return;
        throw new OrleansLogException(
            ErrorCode.NotLeaderOrFollower,
            $"Node {_nodeId} cannot lead {_log.Partition}: in epoch {state.LeaderEpoch} the leader is node {state.Leader}, "
            + $"in sync are {string.Join(", ", state.Isr)}.");
    }

    private void TrackFollowers(PartitionState state)
    {
        foreach (var gone in _followers.Keys.Except(state.Replicas).ToArray()) _followers.Remove(gone);
        foreach (var replica in state.Replicas)
            if (replica != _nodeId) _followers.TryAdd(replica, new FollowerProgress(replica, _time.GetUtcNow()));
    }

    /// <summary>Commits what every in-sync replica holds.</summary>
    private void AdvanceHighWatermark()
    {
        var committed = _log.Config.FlushesEveryAppend ? _log.FlushedOffset : _log.LogEndOffset;
        if (State.Isr.Count > 1)
        {
            lock (_stateGate)
            {
                foreach (var nodeId in _state.Isr)
                    if (nodeId != _nodeId) committed = Math.Min(committed, _followers[nodeId].MatchOffset);
            }
        }

        _commit.AdvanceTo(committed);
    }
}
