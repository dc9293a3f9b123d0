namespace OrleansLog.Engine.Replication;

/// <summary>
/// Who leads next. Pure functions: the caller stores the answer by compare-and-set on the state it gave, and whoever loses looks
/// at the new state.
/// </summary>
public static class LeaderElection
{
    /// <summary>
    /// The state in which another (or the same) replica takes office in the next epoch: the first in-sync replica, in the order
    /// of the replicas, that is alive and whole. In-sync replicas that are not, leave the ISR with that: each of those that stay
    /// holds everything that was committed. Null when there is none, unless <paramref name="uncleanAllowed"/>: then the first
    /// replica that is alive and whole leads alone, one that a reassignment adds last, and records may be lost.
    /// </summary>
    /// <param name="state">The stored state.</param>
    /// <param name="liveNodes">The nodes that are alive.</param>
    /// <param name="damaged">Nodes whose log of the partition is known to be damaged, wiped or offline; they do not lead.</param>
    /// <param name="uncleanAllowed">The topic's <c>unclean.leader.election.enable</c>.</param>
    /// <param name="lastResort">Those of the damaged ones that lack nothing (<see cref="ReplicaFitness.Damaged"/>); one of them leads when
    /// there is no other in-sync replica, alive or dead.</param>
    public static PartitionState? Choose(
        PartitionState state, IReadOnlySet<int> liveNodes, IReadOnlySet<int> damaged, bool uncleanAllowed,
        IReadOnlySet<int>? lastResort = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(liveNodes);
        ArgumentNullException.ThrowIfNull(damaged);
        var able = state.Replicas.Where(node => liveNodes.Contains(node) && !damaged.Contains(node)).ToArray();
        var isr = able.Where(state.Isr.Contains).ToArray();
        if (isr.Length > 0) return Next(state, isr[0], isr);
        if (lastResort is not null && state.Isr.All(lastResort.Contains) && state.Isr.FirstOrDefault(liveNodes.Contains, -1) is >= 0 and var hurt)
            return Next(state, hurt, [hurt]);
        // A replica that is only being filled up has less than any that was there before.
        return uncleanAllowed && able.OrderBy(state.Adding.Contains).ToArray() is [var first, ..] ? Next(state, first, [first]) : null;
    }

    /// <summary>
    /// The state in which an in-sync replica takes over from a leader that gives its office up; null when
    /// <paramref name="successor"/> is not in sync.
    /// </summary>
    /// <param name="state">The stored state.</param>
    /// <param name="successor">Node id of the replica that takes over.</param>
    /// <param name="isLeaving">Whether the old leader is about to stop, too: it leaves the ISR with that, unless fewer than
    /// <paramref name="minInSync"/> were left. So the new one does not wait for it when it has stopped. Otherwise the ISR stays.</param>
    /// <param name="minInSync">The topic's <c>min.insync.replicas</c>.</param>
    public static PartitionState? HandOver(PartitionState state, int successor, bool isLeaving = false, int minInSync = 1)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!state.Isr.Contains(successor)) return null;
        var isr = isLeaving && successor != state.Leader && state.Isr.Count - 1 >= minInSync
            ? state.Isr.Where(node => node != state.Leader).ToArray()
            : state.Isr;
        return Next(state, successor, isr);
    }

    private static PartitionState Next(PartitionState state, int leader, IReadOnlyList<int> isr) => state with
    {
        LeaderEpoch = checked(state.LeaderEpoch + 1),
        Version = checked(state.Version + 1),
        Leader = leader,
        Isr = isr,
    };
}
