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
    /// <param name="replication">How followers are reached; null when somebody else tells how far they are
    /// (<see cref="ReportFollower"/>), or there are none and never will be. With followers this writes to the disk, and
    /// begins to push to them. Before that the node's <see cref="PartitionFollower"/> is fenced with the epoch.</param>
    /// <exception cref="OrleansLogException">The state names another leader (NotLeaderOrFollower), or the log has records of a
    /// later epoch than the state's (FencedLeaderEpoch): the state is out of date.</exception>
    public PartitionLeader(
        PartitionLog log,
        PartitionState state,
        int nodeId,
        TimeProvider time,
        PartitionLeaderOptions? options = null,
        ILogger? logger = null,
        ReplicationContext? replication = null)
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
        var known = Math.Max(log.LatestEpoch, log.FencedEpoch);
        if (known > state.LeaderEpoch)
        {
            throw new OrleansLogException(
                ErrorCode.FencedLeaderEpoch,
                $"Node {nodeId} cannot lead {log.Partition} in epoch {state.LeaderEpoch}: its log knows of epoch {known}.");
        }

        _state = state;
        _replication = replication;
        if (replication is not null) _tells = replication.Tells ?? new WatermarkTells(time, replication.Options.HighWatermarkDelay);
        var pushes = TrackFollowers(state);
        TermStartOffset = log.LogEndOffset;
        if (_isReplicated)
        {
            BeginReplicatedTerm();
            _epochStart = TermStartOffset;
        }
        else if (log.CommittedOffset != long.MaxValue) log.NoteCommitted(long.MaxValue);
        var knownCommitted = Math.Min(replication?.KnownHighWatermark ?? -1, log.HeldEndOffset);
        _commit = new CommitPoint(Math.Max(log.LogStartOffset, knownCommitted));
        AdvanceHighWatermark();
        StartAndStop(pushes);
        if (state.IsReassigning) AddToIsr();
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

    /// <summary>
    /// Where its log ended when it took office. What leaders before it committed is all below that; how much of it was, this leader
    /// knows only once its high watermark has come so far.
    /// </summary>
    public long TermStartOffset { get; }

    /// <summary>The offset up to which the outcome of every transaction is known; the high watermark as long as there are none.</summary>
    public long LastStableOffset => _commit.Offset;

    /// <summary>Whether it has been fenced or closed.</summary>
    public bool IsClosed => Volatile.Read(ref _closed) is not null;

    /// <summary>
    /// Takes over a change of the replicas or in-sync replicas within the epoch. One that is older than what is known already, by
    /// its version, changes nothing.
    /// </summary>
    /// <exception cref="OrleansLogException">The state is of another epoch or leader.</exception>
    public void ApplyState(PartitionState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        CheckNames(state);
        CheckEpoch(state.LeaderEpoch);
        TakeOver(state);
    }

    /// <summary>A newer epoch is known: refuses everything from now on, and fails everyone who waits, with NotLeaderOrFollower.</summary>
    public void Fence() => End(
        LeaderEndReason.Fenced, State.LeaderEpoch, $"Node {_nodeId} led {_log.Partition} in epoch {State.LeaderEpoch}, which is over.");

    /// <summary>Stops leading, as <see cref="Fence"/> does; the log stays open and is its owner's.</summary>
    public void Close() => End(LeaderEndReason.Closed, State.LeaderEpoch, $"Node {_nodeId} has stopped leading {_log.Partition}.");

    private void End(LeaderEndReason reason, int knownEpoch, string message)
    {
        var closed = new OrleansLogException(ErrorCode.NotLeaderOrFollower, message);
        if (Interlocked.CompareExchange(ref _closed, closed, null) is not null) return;
        _commit.Close(closed);
        _deadlines.CancelAll();
        // Whoever holds the lock now appends before the end; nobody does after it.
        lock (_appendGate)
        {
            Volatile.Write(ref _refusal, closed);
            _gate.FailAll(closed);
        }

        foreach (var push in Volatile.Read(ref _pushes)) push.Stop();
        if (_replication is { Tells: null }) _tells!.Dispose();
        WakeIsrWaiters();
        _followerMoved.Set();
        _ended.TrySetResult(new LeaderEnd(reason, knownEpoch, message));
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
}
