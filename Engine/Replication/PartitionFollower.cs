using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// The follower's half of a partition's replication: it keeps the bytes of whoever leads in the greatest epoch it has seen.
/// <para>Invariants: an older epoch is refused, also after a restart; records are appended only where the log ends, in a session
/// that was aligned; the log is truncated at most once a session, before its first records, and never by the high watermark; an
/// answer counts only what was held in the session that it is for.</para>
/// <para>Thread-safe. Files are written on the caller's thread; the wait for an fsync holds no thread and no lock. One instance
/// per log and node, for as long as the log is open; it lives on while its node leads and is asked for terms by nobody.</para>
/// </summary>
public sealed partial class PartitionFollower
{
    private readonly PartitionLog _log;
    private readonly int _nodeId;
    private readonly TimeProvider _time;
    private readonly PartitionFollowerOptions _options;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly List<ParkedPush> _parked = [];
    private long _nextSession;
    private long _session = -1;
    private int _leaderNode = -1;
    private int _epoch;
    private long _highWatermark;
    private long _recordsAt = long.MinValue;
    private bool _isAligned;
    private bool _isClosed;

    /// <summary>Begins to follow with a log of this node.</summary>
    /// <param name="log">The node's own log of the partition, recovered.</param>
    /// <param name="nodeId">This node.</param>
    /// <param name="time">The clock for the time that an early request is kept back.</param>
    /// <param name="knownEpoch">The leader epoch in the stored state, if it is known, so that a replica whose disk was wiped does
    /// not listen to a leader that is over; otherwise -1.</param>
    /// <param name="options">Bounds; the defaults when null.</param>
    /// <param name="logger">Hears what was truncated, and why.</param>
    public PartitionFollower(
        PartitionLog log,
        int nodeId,
        TimeProvider time,
        int knownEpoch = -1,
        PartitionFollowerOptions? options = null,
        ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(time);
        _log = log;
        _nodeId = nodeId;
        _time = time;
        _options = options ?? PartitionFollowerOptions.Default;
        _logger = logger ?? NullLogger.Instance;
        _epoch = Math.Max(knownEpoch, Math.Max(log.FencedEpoch, log.LatestEpoch));
        _highWatermark = log.LogStartOffset;
        _nextSession = _options.SessionSeed();
    }

    /// <summary>The log that it keeps.</summary>
    public PartitionLog Log => _log;

    /// <summary>The greatest leader epoch that it has seen; -1 for none.</summary>
    public int LeaderEpoch
    {
        get
        {
            lock (_gate) return Math.Max(_epoch, _log.FencedEpoch);
        }
    }

    /// <summary>The node that leads in that epoch, as far as it has said so; otherwise -1.</summary>
    public int LeaderNode
    {
        get
        {
            lock (_gate) return _leaderNode;
        }
    }

    /// <summary>
    /// How far the log is committed, by what leaders said; at most the log's end. Nobody is served by it, but a leader begins with it.
    /// </summary>
    public long HighWatermark
    {
        get
        {
            lock (_gate) return _highWatermark;
        }
    }

    /// <summary>How long ago a leader last had it append records; null when none did since it began to follow.</summary>
    public TimeSpan? SinceRecords =>
        Volatile.Read(ref _recordsAt) is var at && at != long.MinValue ? _time.GetElapsedTime(at) : null;

    /// <summary>
    /// Whether this replica may lead as far as its own log tells; that it is in sync is for the stored state to say.
    /// </summary>
    public ReplicaFitness FitnessFor(PartitionState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        // Each in-sync replica has taken part in a term, except before the first one, epoch 0, or as the only replica; one that has
        // not was wiped.
        var hasTakenPart = state.LeaderEpoch <= 0 || state.Replicas.Count == 1 || _log.FencedEpoch >= 0;
        if (!hasTakenPart || _log.Offline is not null || _log.IsClosed || _log.IsShort) return ReplicaFitness.Unfit;
        return _log.DamagedFrom >= 0 ? ReplicaFitness.Damaged : ReplicaFitness.Fit;
    }

    /// <summary>Whether <see cref="FitnessFor"/> says Fit.</summary>
    public bool MayLead(PartitionState state) => FitnessFor(state) == ReplicaFitness.Fit;

    /// <inheritdoc cref="IReplicaLink.BeginTermAsync"/>
    public Task<FollowerLogState> BeginTermAsync(BeginTermRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        lock (_gate)
        {
            var previous = LeaderEpoch;
            if (_isClosed || _log.IsClosed || _log.Offline is not null)
            {
                return Task.FromResult(FollowerLogState.Refused(
                    ReplicaResult.Unavailable, previous,
                    _log.Offline?.Message ?? $"Node {_nodeId} does not keep {_log.Partition} now."));
            }

            if (request.LeaderEpoch < previous) return Task.FromResult(FencedState(previous));
            try
            {
                _log.RaiseFencedEpoch(request.LeaderEpoch, asFollower: true);
                (_epoch, _leaderNode) = (request.LeaderEpoch, request.LeaderNode);
                OpenSession();
                if (_log.DamagedFrom is >= 0 and var damaged) _log.MarkSuspect(damaged);
                return Task.FromResult(Describe());
            }
            catch (OrleansLogException failure)
            {
                return Task.FromResult(FollowerLogState.Refused(ReplicaResult.Unavailable, previous, failure.Message));
            }
        }
    }

    /// <summary>
    /// Called before the state is stored in which this replica leads: notes, durably, that it takes part. A crash between the two
    /// would otherwise leave an in-sync replica that looks like one that was wiped.
    /// </summary>
    /// <param name="stored">The state as it is stored now.</param>
    /// <exception cref="OrleansLogException">The replica is unfit to lead (NotLeaderOrFollower), or the disk failed just now.</exception>
    public void PrepareToLead(PartitionState stored)
    {
        lock (_gate)
        {
            if (_isClosed || FitnessFor(stored) == ReplicaFitness.Unfit)
            {
                throw new OrleansLogException(
                    ErrorCode.NotLeaderOrFollower, $"Node {_nodeId} must not lead {_log.Partition}: its log lacks records, or is not at work.");
            }

            _log.RaiseFencedEpoch(Math.Max(0, stored.LeaderEpoch));
        }
    }

    /// <summary>
    /// Refuses the leaders of older epochs from now on, durably, and ends the session: called before this node takes office itself.
    /// </summary>
    /// <exception cref="OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    public void Fence(int epoch)
    {
        lock (_gate)
        {
            if (epoch < LeaderEpoch) return;
            _log.RaiseFencedEpoch(epoch);
            (_epoch, _leaderNode) = (epoch, -1);
            OpenSession();
        }
    }

    /// <summary>
    /// Reads the whole log in search of damage that nobody has come across; false when there is some. The session ends then, so that
    /// the leader hears of it and repairs this replica. Takes as long as the disk does, on the caller's thread.
    /// </summary>
    /// <param name="onRead">Hears how many bytes were read, and may take its time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OrleansLogException">The disk failed, or the log was closed.</exception>
    public bool Scrub(Action<int>? onRead = null, CancellationToken cancellationToken = default)
    {
        if (_log.Scrub(_options.ScrubBytesAtATime, onRead, cancellationToken)) return true;
        lock (_gate)
        {
            _log.MarkSuspect(_log.DamagedFrom);
            OpenSession();
        }

        return false;
    }

    /// <summary>Answers Unavailable from now on; the log stays open and is its owner's.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            OpenSession();
        }
    }

    private void OpenSession()
    {
        _session = _nextSession++;
        _isAligned = false;
        // They come back to the gate, and are told that their session is over.
        foreach (var parked in _parked) parked.Turn.TrySetResult();
        _parked.Clear();
    }

    private FollowerLogState Describe()
    {
        var (entries, hasMore) = _log.LatestEpochs(FollowerLogState.MaxEpochs);
        var epochs = new EpochStart[entries.Count];
        for (var i = 0; i < epochs.Length; i++) epochs[i] = new EpochStart(entries[i].Epoch, entries[i].StartOffset);
        return new FollowerLogState(
            ReplicaResult.Ok, _epoch, _session, _log.LogStartOffset, _log.LogEndOffset, _log.HeldEndOffset, epochs,
            hasMore, _log.DamagedFrom);
    }

    private FollowerLogState FencedState(int epoch) => FollowerLogState.Refused(
        ReplicaResult.FencedEpoch, epoch, $"Node {_nodeId} knows of a leader of {_log.Partition} in epoch {epoch}.");
}
