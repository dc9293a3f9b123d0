using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// Reassignment: begun here, and carried on by what keeps the in-sync replicas, which stores the end of it together with the last
/// replica that joins.
/// </summary>
public sealed partial class PartitionLeader
{
    /// <summary>Bytes appended since this leader took office.</summary>
    internal long AppendedBytes => Interlocked.Read(ref _appendedBytes);

    /// <summary>
    /// Stores that the replicas are to be others (<see cref="Reassignment.Begin"/>), and begins to fill up those that are new; or
    /// that a reassignment is given up. Comes back when that is stored. What follows is done by this leader or the next: see
    /// <see cref="NextChange"/>.
    /// </summary>
    /// <param name="target">Node ids, the preferred leader first; null to go back to what the replicas were.</param>
    /// <param name="cancellationToken">Gives up; it may have been stored all the same.</param>
    /// <exception cref="OrleansLogException">InvalidReplicaAssignment, NoReassignmentInProgress, NotLeaderOrFollower, RequestTimedOut; or
    /// whatever the store fails with.</exception>
    public async Task<PartitionState> ReassignAsync(IReadOnlyList<int>? target, CancellationToken cancellationToken = default)
    {
        var store = _replication?.Store
            ?? throw new InvalidOperationException($"The leader of {_log.Partition} has no store to change its replicas in.");
        while (true)
        {
            if (Volatile.Read(ref _closed) is { } closed) throw closed.Renewed();
            var expected = State;
            var wanted = target is null ? Reassignment.Cancel(expected) : Reassignment.Begin(expected, target);
            if (ReferenceEquals(wanted, expected)) return expected;
            BeginToReplicate();
            var next = wanted with { Version = checked(expected.Version + 1) };
            var stored = await StoreAsync(store, expected, next, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
            Adopt(stored);
            if (stored.LeaderEpoch == next.LeaderEpoch && stored.Target.SequenceEqual(next.Target)) return stored;
            // Another change was quicker; this one is still to be made.
        }
    }

    /// <summary>
    /// Completes when the state has a later version than that, or this leader has ended: for whoever sees to what follows from a
    /// change of the replicas.
    /// </summary>
    public Task NextChange(int afterVersion)
    {
        lock (_stateGate)
        {
            return IsClosed || _state.Version > afterVersion
                ? Task.CompletedTask
                : (_isrChange ??= Continuations.NewCompletion()).Task;
        }
    }

    /// <summary>The replica to hand the office to when all that a reassignment still waits for is that this one goes; otherwise null.</summary>
    public int? FindHeir() => Reassignment.FindHeir(State, _log.Config.MinInsyncReplicas);

    /// <summary>The topic's configuration has changed, and with it what a reassignment may be waiting for.</summary>
    public void NoteConfigChanged() => AddToIsr();

    internal bool IsBeingAdded(int nodeId)
    {
        var state = State;
        return state.IsReassigning && state.Adding.Contains(nodeId);
    }

    // Before others are named in the stored state: a replica that never took part in a term would look like one that was wiped.
    private void BeginToReplicate()
    {
        if (!_isReplicated) BeginReplicatedTerm();
    }

    private async Task<PartitionState> StoreAsync(
        IPartitionStateStore store, PartitionState expected, PartitionState next, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(_replication!.Options.StoreTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await store.ChangeAsync(expected, next, either.Token)
                .WaitAsync(either.Token).ConfigureAwait(Continuations.StayOnContext);
        }
        catch (OrleansLogException refused) when (refused.Error is ErrorCode.FencedLeaderEpoch or ErrorCode.NotLeaderOrFollower)
        {
            EndRefused(refused);
            throw Volatile.Read(ref _closed)!.Renewed();
        }
        catch (Exception failure)
        {
            // It may have been stored nevertheless. The loop finds out.
            lock (_stateGate)
            {
                _isUnresolved = true;
                RunIsrLoop();
            }

            if (failure is not OperationCanceledException || cancellationToken.IsCancellationRequested) throw;
            throw new OrleansLogException(
                ErrorCode.RequestTimedOut,
                $"The replicas of {_log.Partition} could not be stored within {_replication.Options.StoreTimeout.TotalMilliseconds} ms; they may be yet.");
        }
    }
}
