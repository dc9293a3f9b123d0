using OrleansLog.Engine.Replication;
using OrleansLog.Records;

namespace OrleansLog.Tests.Simulation;

/// <summary>
/// The stored state of the partition, and those who act upon it: who holds nodes for dead (rightly or not), elects, and tells the
/// elected. Stands for PostgreSQL and the grains; it does not fail, but it may be out of anybody's reach.
/// </summary>
public sealed class ClusterStore
{
    private const int Self = 0;
    private static readonly TimeSpan s_tick = TimeSpan.FromMilliseconds(250);
    private readonly SimulatedCluster _cluster;
    private readonly Lane _lane;
    private readonly Dictionary<int, TimeSpan> _lastSeen = [];
    private readonly HashSet<int> _live = [];
    private readonly HashSet<int> _damaged = [];
    private readonly Dictionary<int, Lane> _lives = [];
    private Lane? _elected;

    public ClusterStore(SimulatedCluster cluster)
    {
        _cluster = cluster;
        _lane = new Lane(cluster.Scheduler, "store");
        var replicas = cluster.Nodes.Select(node => node.Id).ToArray();
        State = new PartitionState(0, replicas[0], [replicas[0]], replicas);
    }

    public PartitionState State { get; private set; }

    /// <summary>After this time without a sign of life a node is held for dead.</summary>
    public TimeSpan DeadAfter { get; set; } = TimeSpan.FromSeconds(1);

    public bool IsLive(int node) => _live.Contains(node);

    public void Start() => _lane.Post(Tick);

    /// <summary>The store as a node sees it, over the network.</summary>
    public IPartitionStateStore For(ClusterNode node) => new Remote(this, node, node.Lane);

    /// <summary>Has the leader look at a node; what is in the way is overcome in the end.</summary>
    public void NoteNode(int node, bool isUp)
    {
        Tell(State.Leader, leader =>
        {
            if (isUp) leader.Leader?.NoteNodeUp(node);
            else leader.Leader?.NoteNodeDown(node);
        });
        // Membership is a state and not a message: who missed it hears of it again.
        if (isUp && !_cluster.IsCalm) _lane.After(TimeSpan.FromSeconds(5), () => NoteNode(node, _live.Contains(node)));
    }

    public void NoteLeaderEnd(ClusterNode node, PartitionState state, LeaderEnd end)
    {
        _ = TellAsync();

        async Task TellAsync()
        {
            try
            {
                await _cluster.Network.CallAsync(node.Lane, node.Id, Self, () => _lane, "leader's end", () =>
                {
                    if (end.Reason == LeaderEndReason.Damaged) _damaged.Add(node.Id);
                    if (State.LeaderEpoch == state.LeaderEpoch && State.Leader == node.Id && end.Reason != LeaderEndReason.Fenced) Elect();
                    return Task.FromResult(true);
                });
            }
            catch (IOException)
            {
                // The tick finds out.
            }
        }
    }

    /// <summary>Stores that a leader hands over, as seen from its node; false when that is out of date.</summary>
    public Task<bool> TryHandOverAsync(ClusterNode node, PartitionState expected, int successor) => _cluster.Network.CallAsync(
        node.Lane, node.Id, Self, () => _lane, "hand-over", () =>
        {
            if (State.Version != expected.Version || LeaderElection.HandOver(expected, successor) is not { } next) return Task.FromResult(false);
            Store(next, "hand-over");
            return Task.FromResult(true);
        });

    /// <summary>Asks the leader to move the replicas to other nodes, or (null) back; the word may be lost.</summary>
    public void Reassign(int[]? target) => Tell(State.Leader, leader => leader.Reassign(target));

    /// <summary>Has every node hold a replica in the end, whatever was under way, and may still arrive.</summary>
    public void ReassignToAll()
    {
        if (!HasAll) Reassign([.. _cluster.Nodes.Select(node => node.Id)]);
        _lane.After(TimeSpan.FromSeconds(1), ReassignToAll);
    }

    /// <summary>Whether every node holds a replica, and no reassignment runs.</summary>
    public bool HasAll => !State.IsReassigning && State.Replicas.Count == _cluster.Nodes.Count;

    private void Tick()
    {
        foreach (var node in _cluster.Nodes)
        {
            if (!node.IsRunning || node.Log is null || node.Lane.PausedUntil > _cluster.Scheduler.Now) continue;
            if (_cluster.Network.IsCut(node.Id, Self) || _cluster.Network.IsCut(Self, node.Id)) continue;
            _lastSeen[node.Id] = _cluster.Scheduler.Now;
        }

        foreach (var node in _cluster.Nodes)
        {
            var isLive = _lastSeen.TryGetValue(node.Id, out var seen) && _cluster.Scheduler.Now - seen < DeadAfter;
            var isNewLife = isLive && _lives.GetValueOrDefault(node.Id) != node.Lane;
            if (isNewLife) _lives[node.Id] = node.Lane;
            if (!(isLive ? _live.Add(node.Id) : _live.Remove(node.Id)) && !isNewLife) continue;
            _cluster.Trace.Add($"node {node.Id} is held for {(isLive ? "alive" : "dead")}");
            NoteNode(node.Id, isLive);
        }

        var current = _cluster.Node(State.Leader);
        if (State.LeaderEpoch == 0 || !_live.Contains(State.Leader) || !IsInOffice(current)) Elect();
        _lane.After(s_tick, Tick);
    }

    // A node that does not take office, for whatever reason, is asked again, and in the end another is.
    private bool IsInOffice(ClusterNode node)
    {
        if (node.Lane != _elected) return false;
        if (node.Leads && node.Leader!.State.LeaderEpoch == State.LeaderEpoch) return true;
        if (_cluster.Network.Chance(0.3)) return false;
        Announce();
        return node.Log is not null && node.Follower!.LeaderEpoch < State.LeaderEpoch;
    }

    private void Elect()
    {
        // Grains ask the candidates; those that cannot be asked are not live.
        var unfit = _cluster.Nodes.Where(node => node.Follower?.MayLead(State) != true).Select(node => node.Id).Union(_damaged).ToHashSet();
        var hurt = _cluster.Nodes.Where(node => node.Follower?.FitnessFor(State) == ReplicaFitness.Damaged).Select(node => node.Id).ToHashSet();
        if (LeaderElection.Choose(State, _live, unfit, uncleanAllowed: false, hurt) is not { } next) return;
        var elected = _cluster.Node(next.Leader);
        try
        {
            elected.Follower!.PrepareToLead(State);
        }
        catch (OrleansLogException)
        {
            elected.CrashIfOffline();
            return;
        }

        Store(next, "election");
    }

    private void Store(PartitionState next, string why)
    {
        if (_cluster.Options.Mutation != Mutation.StaleLeaderShrinksIsr && next.LeaderEpoch < State.LeaderEpoch)
            throw new InvalidOperationException($"The epoch fell from {State.LeaderEpoch} to {next.LeaderEpoch}.");
        // Who joins is filled up.
        _damaged.ExceptWith(next.Isr.Except(State.Isr));
        var isNewTerm = next.LeaderEpoch != State.LeaderEpoch;
        var removed = State.Replicas.Except(next.Replicas).ToArray();
        State = next;
        foreach (var node in removed) Tell(node, DeleteReplica);
        _cluster.Trace.Add($"stored by {why}: epoch {next.LeaderEpoch}, leader {next.Leader}, in sync {string.Join(',', next.Isr)} (eligible {string.Join(',', next.Eligible)}) of {string.Join(',', next.Replicas)}{(next.IsReassigning ? $" to be {string.Join(',', next.Target)}" : "")}, version {next.Version}");
        if (!isNewTerm) return;
        _elected = _cluster.Node(next.Leader).Lane;
        Announce();
    }

    // The word may come late: what holds then counts.
    private void DeleteReplica(ClusterNode node)
    {
        if (!State.Replicas.Contains(node.Id)) node.DeleteReplica(State.LeaderEpoch);
    }

    // An epoch is led by one life of a process: what the next one finds on the disk may be less than what followers have.
    private void Announce()
    {
        var (state, elected) = (State, _elected);
        Tell(state.Leader, node =>
        {
            if (node.Lane == elected) node.TakeOffice(state);
        });
    }

    private void Tell(int node, Action<ClusterNode> what)
    {
        _ = TellAsync();

        async Task TellAsync()
        {
            try
            {
                await _cluster.Network.CallAsync(_lane, Self, node, () => _cluster.Node(node).Lane, "tell", () =>
                {
                    what(_cluster.Node(node));
                    return Task.FromResult(true);
                });
            }
            catch (IOException)
            {
                // The tick tells again what matters.
            }
        }
    }

    private PartitionState Change(int node, PartitionState expected, PartitionState next)
    {
        // A leader that takes no notice of who is eligible neither waits for them nor takes that from them.
        if (_cluster.Options.Mutation == Mutation.CommitWhileOthersAreEligible && next.Isr.SequenceEqual(State.Isr))
            next = next with { Eligible = State.Eligible };
        if (_cluster.Options.Mutation != Mutation.StaleLeaderShrinksIsr)
        {
            if (State.LeaderEpoch != expected.LeaderEpoch || State.Leader != node)
                throw new OrleansLogException(ErrorCode.FencedLeaderEpoch, $"The epoch is {State.LeaderEpoch}.");
            if (State.Version != expected.Version) return State;
        }

        Store(next with { Version = State.Version + 1 }, $"node {node}");
        return State;
    }

    private sealed class Remote(ClusterStore store, ClusterNode node, Lane lane) : IPartitionStateStore
    {
        public Task<PartitionState> ChangeAsync(PartitionState expected, PartitionState next, CancellationToken cancellationToken) =>
            store._cluster.Network.CallAsync(
                lane, node.Id, Self, () => store._lane, "change", () => Task.FromResult(node.Seen(store.Change(node.Id, expected, next))));
    }
}
