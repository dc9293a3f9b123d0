using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>
/// Moving a partition's replicas to other nodes while it is in use: begun by storing what they are to be, ended by storing that
/// they are. In between all of them, old and new, are replicas. Pure functions: the leader stores the answer by compare-and-set, and
/// whoever leads next goes on from what is stored.
/// <para>Nothing committed can be lost by it: who joins the ISR holds all of it, and a replica goes only when the others in sync are
/// as many as the topic demands.</para>
/// </summary>
public static class Reassignment
{
    /// <summary>
    /// The state in which the replicas are on their way to <paramref name="target"/>. One that runs already is replaced: it still
    /// ends with the new target, or goes back to where the first one began. The same object when nothing is to be done.
    /// </summary>
    /// <param name="state">The stored state.</param>
    /// <param name="target">Node ids, the preferred leader first.</param>
    /// <exception cref="OrleansLogException">InvalidReplicaAssignment: the target is empty or names a node twice.</exception>
    public static PartitionState Begin(PartitionState state, IReadOnlyList<int> target)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(target);
        if (target.Count == 0) throw new OrleansLogException(ErrorCode.InvalidReplicaAssignment, "A partition cannot have no replicas.");
        if (target.Distinct().Count() != target.Count || target.Any(node => node < 0))
        {
            throw new OrleansLogException(
                ErrorCode.InvalidReplicaAssignment,
                $"The replicas {string.Join(", ", target)} are no set of nodes: each id must be at least 0, and there once.");
        }

        if (target.SequenceEqual(state.IsReassigning ? state.Target : state.Replicas)) return state;
        return state with
        {
            Former = state.IsReassigning ? state.Former : state.Replicas,
            Target = target,
            // The target first, so that whoever takes over meanwhile is one that stays, if any can.
            Replicas = [.. target, .. state.Replicas.Except(target)],
        };
    }

    /// <summary>The state in which the replicas are on their way back to what they were.</summary>
    /// <exception cref="OrleansLogException">NoReassignmentInProgress.</exception>
    public static PartitionState Cancel(PartitionState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.IsReassigning
            ? Begin(state, state.Former)
            : throw new OrleansLogException(ErrorCode.NoReassignmentInProgress, "The partition is not being reassigned.");
    }

    /// <summary>
    /// The state in which the reassignment is over; null as long as it cannot be: all that are added must be in sync, and as many
    /// in-sync replicas must stay as <paramref name="minInsyncReplicas"/> asks for. A leader that goes must have handed over
    /// before (<see cref="FindHeir"/>).
    /// </summary>
    public static PartitionState? Complete(PartitionState state, int minInsyncReplicas)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!IsReady(state, minInsyncReplicas) || !state.Target.Contains(state.Leader)) return null;
        return state with
        {
            Replicas = state.Target, Isr = [.. state.Isr.Where(state.Target.Contains)], Eligible = [], Former = [], Target = [],
        };
    }

    /// <summary>The replica to hand the office to when all that is left to do is to take the leader out; otherwise null.</summary>
    public static int? FindHeir(PartitionState state, int minInsyncReplicas)
    {
        ArgumentNullException.ThrowIfNull(state);
        return IsReady(state, minInsyncReplicas) && !state.Target.Contains(state.Leader) ? state.Target.First(state.Isr.Contains) : null;
    }

    private static bool IsReady(PartitionState state, int minInsyncReplicas) =>
        state.IsReassigning && state.Adding.All(state.Isr.Contains)
        && state.Target.Count(state.Isr.Contains) >= Math.Clamp(minInsyncReplicas, 1, state.Target.Count);
}
