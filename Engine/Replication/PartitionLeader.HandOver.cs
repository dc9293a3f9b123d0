using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>Giving up the office in good order.</summary>
public sealed partial class PartitionLeader
{
    private readonly WakeSignal _followerMoved = new();
    private OrleansLogException? _refusal;
    private bool _resigning;

    /// <summary>
    /// Prepares the hand-over to an in-sync follower: refuses appends with NotLeaderOrFollower from now on, commits and acknowledges
    /// what was appended, and waits until the successor holds all of it and knows that it is committed. Reads are served on. The
    /// caller then stores <see cref="LeaderElection.HandOver"/> and closes this leader, or calls <see cref="Resume"/>.
    /// </summary>
    /// <param name="successor">Node id of the follower to hand over to; null for whichever in-sync one is ready first, in the order
    /// of the replicas.</param>
    /// <param name="timeout">How long that may take.</param>
    /// <param name="cancellationToken">Gives the attempt up.</param>
    /// <returns>Node id of the successor.</returns>
    /// <exception cref="OrleansLogException">Nobody was ready in time (RequestTimedOut), and this leader goes on; or it leads no more
    /// (NotLeaderOrFollower).</exception>
    public async Task<int> ResignAsync(int? successor, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        StopAppends();
        try
        {
            var started = _time.GetTimestamp();
            while (true)
            {
                if (Volatile.Read(ref _closed) is { } closed) throw closed.Renewed();
                if (FindSuccessor(successor) is { } found) return found;
                foreach (var push in Volatile.Read(ref _pushes)) push.TellNow();
                var left = timeout - _time.GetElapsedTime(started);
                if (left < TimeSpan.FromMilliseconds(1)) throw NoSuccessor(successor, timeout);
                await _followerMoved.WaitAsync().WaitAsync(left, _time, cancellationToken).ConfigureAwait(Continuations.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        catch
        {
            Resume();
            throw;
        }
    }

    /// <summary>Takes a hand-over back that was prepared but not stored: appends are accepted again.</summary>
    public void Resume()
    {
        lock (_appendGate)
        {
            Volatile.Write(ref _resigning, false);
            Volatile.Write(ref _refusal, Volatile.Read(ref _closed));
        }
    }

    private void StopAppends()
    {
        var refusal = new OrleansLogException(
            ErrorCode.NotLeaderOrFollower, $"Node {_nodeId} is handing the leadership of {_log.Partition} over.");
        lock (_appendGate)
        {
            if (Volatile.Read(ref _closed) is not null) return;
            Volatile.Write(ref _resigning, true);
            Volatile.Write(ref _refusal, refusal);
            _gate.FailAll(refusal);
        }
    }

    private int? FindSuccessor(int? wanted)
    {
        var end = _log.LogEndOffset;
        if (_commit.Offset < end) return null;
        lock (_stateGate)
        {
            // One that is about to stop only when all are.
            var mayLeave = !_state.Isr.Any(node => _followers.TryGetValue(node, out var follower) && !follower.IsLeaving && !follower.IsDown);
            foreach (var node in _state.Replicas)
            {
                if ((wanted is null || node == wanted) && _state.Isr.Contains(node) && !_leaving.Contains(node)
                    && _followers.TryGetValue(node, out var follower) && follower.IsAligned && follower.MatchOffset >= end
                    && follower.KnownHighWatermark >= end && (mayLeave || !follower.IsLeaving))
                    return node;
            }
        }

        return null;
    }

    private OrleansLogException NoSuccessor(int? wanted, TimeSpan timeout) => new(
        ErrorCode.RequestTimedOut,
        $"Node {_nodeId} could not hand {_log.Partition} over within {timeout.TotalMilliseconds} ms: "
        + $"{(wanted is { } node ? $"node {node}" : "no follower")} is in sync with all {_log.LogEndOffset} records committed; in sync are "
        + $"{string.Join(", ", State.Isr)}.");
}
