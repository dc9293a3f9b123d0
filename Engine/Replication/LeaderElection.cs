namespace OrleansLog.Engine.Replication;

/// <summary>
/// Who leads next. Pure functions: the caller stores the answer by compare-and-set on the state it gave, and whoever loses looks
/// at the new state.
/// </summary>
public static class LeaderElection
{
    /// <summary>
    /// The state in which another (or the same) replica takes office in the next epoch: the first in-sync replica, in the order
    /// of the replicas, that is alive and whole; where there is none, the first eligible one (<see cref="PartitionState.Eligible"/>).
    /// Those of its kind that are alive and whole are in sync: each of them holds everything that was committed. Null when there is
    /// none, unless <paramref name="uncleanAllowed"/>: then the first
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
        foreach (var kind in (IReadOnlyList<int>[])[state.Isr, state.Eligible])
            if (able.Where(kind.Contains).ToArray() is [var leader, ..] isr) return Next(state, leader, isr);
        if (lastResort is not null && state.Isr.All(lastResort.Contains) && state.Isr.FirstOrDefault(liveNodes.Contains, -1) is >= 0 and var hurt)
            return Next(state, hurt, [hurt]);
        // A replica that is only being filled up has less than any that was there before.
        return uncleanAllowed && able.OrderBy(state.Adding.Contains).ToArray() is [var first, ..] ? Next(state, first, [first]) : null;
    }

    /// <summary>The state in which a certain replica, in sync or eligible, takes office in the next epoch, with those of its kind that are alive.</summary>
    /// <param name="state">The stored state.</param>
    /// <param name="leader">Node id of the replica.</param>
    /// <param name="liveNodes">The nodes that are alive, the replica's among them.</param>
    public static PartitionState Take(PartitionState state, int leader, IReadOnlySet<int> liveNodes)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(liveNodes);
        var kind = state.Isr.Contains(leader) ? state.Isr : state.Eligible;
        return Next(state, leader, [.. kind.Where(liveNodes.Contains)]);
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

    /// <summary>
    /// The state in which another replica is to take office in place of one that cannot: the next in-sync one, in the order of the
    /// replicas and after the last the first again, that is alive; where there is none, the next eligible one. Nobody is taken out of anything: whether
    /// the one that is named can it says itself, and who then leads takes those out that do not answer. Null when there is none.
    /// </summary>
    /// <param name="state">The stored state.</param>
    /// <param name="from">Node id of the replica that cannot.</param>
    /// <param name="liveNodes">The nodes that are alive.</param>
    public static PartitionState? PassOn(PartitionState state, int from, IReadOnlySet<int> liveNodes)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(liveNodes);
        var others = state.Replicas.SkipWhile(node => node != from).Concat(state.Replicas.TakeWhile(node => node != from))
            .Where(node => node != from && liveNodes.Contains(node)).ToArray();
        foreach (var kind in (IReadOnlyList<int>[])[state.Isr, state.Eligible])
        {
            if (others.Where(kind.Contains).ToArray() is [var named, ..])
                return state with { LeaderEpoch = checked(state.LeaderEpoch + 1), Version = checked(state.Version + 1), Leader = named };
        }

        return null;
    }

    private static PartitionState Next(PartitionState state, int leader, IReadOnlyList<int> isr) => state with
    {
        LeaderEpoch = checked(state.LeaderEpoch + 1),
        Version = checked(state.Version + 1),
        Leader = leader,
        Isr = isr,
        // The new leader commits what it holds; who stays behind may not have that.
        Eligible = [],
    };
}
