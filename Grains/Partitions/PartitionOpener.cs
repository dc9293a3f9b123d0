using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Failover;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Grains.Storage;
using OrleansLog.Grains.Topics;
using OrleansLog.Records;

namespace OrleansLog.Grains.Partitions;

/// <summary>
/// Takes office for a partition on this node. In this order, so that a failure leaves nothing behind: the topic must know the
/// partition and this node must be the one to lead it; its log is opened; the leader epoch is raised in the store; the leader
/// begins. Used on the partition's turns; keeps no more than what it passed on last, and when.
/// </summary>
internal sealed partial class PartitionOpener(
    NodeReplicas replicas,
    Replicas.Direct.ReplicaChannels channels,
    NodeDirectory nodes,
    LeaderHints hints,
    LeaderAnnouncer announcer,
    TopicCopies topics,
    LocalNode node,
    TopicDefaults defaults,
    IGrainFactory grains,
    ReplicationSettings replication,
    IOptions<OrleansLogOptions> options,
    TimeProvider time,
    ILogger<PartitionLeader> logger)
{
    private static readonly TimeSpan PreparePatience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// To whom and when this node last passed a partition on since the disk did not let it open the log. It does not do that again at once:
    /// replicas none of which can be opened would raise the epoch with every request.
    /// </summary>
    private readonly ConcurrentDictionary<TopicPartition, (int To, long At)> _passedOn = new();

    /// <summary>Opens the partition and raises its epoch.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="office">Its office, as stored now.</param>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; NotLeaderOrFollower: it is another node's to lead;
    /// LeaderNotAvailable: no in-sync replica runs; KafkaStorageError.</exception>
    /// <exception cref="Orleans.Storage.InconsistentStateException">Another activation took office meanwhile.</exception>
    public async Task<OpenPartition> OpenAsync(TopicPartition partition, Durable<PartitionOffice> office)
    {
        var (topic, isCopy) = await FindTopicAsync(partition, office.Value);
        var config = defaults.ConfigOf(topic.Overrides);
        CheckReplica(partition, ReplicasOf(partition, topic, office.Value));
        var lease = await AcquireAsync(partition, topic, config, office);
        try
        {
            var log = lease.Log;
            var prepared = await PrepareFirstTermAsync(partition, office.Value, ReplicasOf(partition, topic, office.Value));
            var won = await office.UpdateAsync(before =>
            {
                var next = Succeed(
                    partition, before, ReplicasOf(partition, topic, before), prepared, lease, config.UncleanLeaderElectionEnable);
                // The log knows of a later epoch when the metadata is older than the data.
                next = next with { LeaderEpoch = Math.Max(next.LeaderEpoch, log.LatestEpoch + 1), Version = before.Version + 1 };
                return (before with { TopicId = topic.Id }).With(next);
            });
            return won.Leader == node.NodeId
                ? Enter(topic, isCopy, lease, won.ToState(), office)
                : throw NotHere(partition, won.Leader, won.LeaderEpoch);
        }
        catch
        {
            await lease.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Stores that another replica is to lead, since this one cannot (<see cref="ChooseAnother"/>).
    /// </summary>
    /// <returns>Its node id; -1 when there is none.</returns>
    public async Task<int> GiveUpAsync(TopicPartition partition, Durable<PartitionOffice> office)
    {
        var own = node.NodeId;
        var after = await office.UpdateAsync(before =>
            before.Leader == own && ChooseAnother(before.ToState()) is { } next
                ? before.With(next)
                : before);
        if (after.Leader == own) return -1;
        hints.Note(partition, after.Leader, after.LeaderEpoch);
        return after.Leader;
    }

    private OpenPartition Enter(
        TopicDescription topic, bool isCopy, ReplicaLease lease, PartitionState state, Durable<PartitionOffice> office)
    {
        var (log, own) = (lease.Log, node.NodeId);
        var bounds = new PartitionLeaderOptions { MaxReadBytes = options.Value.MaxFetchBytes };
        var isReplicated = state.Replicas.Count > 1;
        var highWatermark = isReplicated ? lease.Follower.HighWatermark : -1;
        if (isReplicated) lease.Follower.Fence(state.LeaderEpoch);
        // One without followers may get some.
        var context = new ReplicationContext
        {
            Links = other => new ReplicaLink(log.Partition, grains.GetReplica(log.Partition, other), other, nodes, channels),
            Store = new PartitionStateStore(log.Partition, office, TaskScheduler.Current),
            KnownHighWatermark = highWatermark,
            Options = replication.Options,
            Throttle = replication.Throttle,
            ReassignmentThrottle = replication.ReassignmentThrottle,
            Tells = replication.Tells,
        };

        var leader = new PartitionLeader(log, state, own, time, bounds, logger, context);
        replicas.Enter(leader);
        hints.Note(log.Partition, own, state.LeaderEpoch);
        if (isReplicated)
        {
            announcer.Announce(new Leadership(log.Partition, state.LeaderEpoch));
            foreach (var other in state.Replicas)
                if (other != own && nodes.Current.Find(other) is not { IsActive: true }) leader.NoteNodeDown(other);
            LogInOffice(log.Partition, own, state.LeaderEpoch, string.Join(", ", state.Isr));
        }

        return new OpenPartition(topic, isCopy, state, lease, leader, replicas);
    }

    /// <summary>
    /// Before the first term, which begins with replicas in sync that nothing was sent to yet: has each of them note, durably, that it
    /// takes part, as this one has (<see cref="AcquireAsync"/>). Should the leader be lost before it reaches them, they would otherwise look like replicas whose disks were
    /// wiped, and nobody could lead. Answers those that did; the others come into sync by and by.
    /// </summary>
    private async Task<HashSet<int>> PrepareFirstTermAsync(
        TopicPartition partition, PartitionOffice office, int[] assigned)
    {
        if (office.LeaderEpoch >= 0 || assigned.Length == 1) return [node.NodeId];
        return [node.NodeId, .. await PrepareOthersAsync(partition, assigned)];
    }

    private async Task<int[]> PrepareOthersAsync(TopicPartition partition, int[] assigned)
    {
        var (own, live) = (node.NodeId, Live());
        var others = await Task.WhenAll(assigned.Where(id => id != own && live.Contains(id)).Select(async id =>
        {
            try
            {
                await grains.GetReplica(partition, id).Prepare().WaitAsync(PreparePatience, time);
                return id;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                LogNotPrepared(partition, id, e.Message);
                return own;
            }
        }));
        return [.. others.Where(id => id != own)];
    }

    /// <summary>
    /// Has a partition that nobody has led yet begin without this node's replica, the first that runs, since its log cannot be opened:
    /// the first of the others that take part is stored as the leader. The office as it is after that.
    /// </summary>
    private async Task<PartitionOffice> BeginElsewhereAsync(
        TopicPartition partition, TopicDescription topic, Durable<PartitionOffice> office)
    {
        var assigned = ReplicasOf(partition, topic, office.Value);
        if (assigned.First(Live().Contains) != node.NodeId) return office.Value;
        var others = await PrepareOthersAsync(partition, assigned);
        if (assigned.Where(others.Contains).ToArray() is not [var first, ..] prepared) return office.Value;
        return await office.UpdateAsync(before => before.LeaderEpoch >= 0
            ? before
            : (before with { TopicId = topic.Id }).With(new PartitionState(0, first, prepared, assigned) { Version = before.Version + 1 }));
    }

    /// <summary>
    /// The state in which this node leads; or, when it is to lead and its log is not whole, the one in which another does.
    /// </summary>
    private PartitionState Succeed(
        TopicPartition partition, PartitionOffice office, int[] assigned, HashSet<int> prepared, ReplicaLease lease, bool uncleanAllowed)
    {
        var (own, live) = (node.NodeId, Live());
        if (office.LeaderEpoch < 0)
        {
            // Nothing was ever committed: whoever takes part is in sync.
            var first = assigned.First(live.Contains);
            return first == own
                ? new PartitionState(0, own, [.. assigned.Where(prepared.Contains)], assigned)
                : throw NotHere(partition, first, office.LeaderEpoch);
        }

        var state = office.ToState() with { Replicas = assigned };
        if (assigned.Length == 1) return PartitionState.Single(own, state.LeaderEpoch + 1);
        var chosen = LeaderLocator.Choose(state, live);
        if (chosen >= 0 && chosen != own) throw NotHere(partition, chosen, office.LeaderEpoch);
        var fitness = FitnessOf(lease, state);
        if (fitness == ReplicaFitness.Fit)
        {
            if (chosen == own) return LeaderElection.Take(state, own, live);
            if (LeaderElection.Choose(state, new HashSet<int> { own }, new HashSet<int>(), uncleanAllowed) is { } unclean) return unclean;
        }

        return ChooseAnother(state, uncleanAllowed, isLastResort: fitness == ReplicaFitness.Damaged)
            ?? throw new OrleansLogException(
                ErrorCode.LeaderNotAvailable,
                $"Nobody can lead {partition}: in sync are the nodes {string.Join(", ", state.Isr)}"
                + (state.Eligible.Count > 0 ? $", eligible the nodes {string.Join(", ", state.Eligible)}" : "")
                + $", of which none runs with its log whole; running are {string.Join(", ", live.Order())}.");
    }

    // A replica that took part in no term though there were some has lost its disk; what it had, others may still have.
    private static ReplicaFitness FitnessOf(ReplicaLease lease, PartitionState state) =>
        lease.Log.FencedEpoch >= 0 || lease.Log.LogEndOffset > 0 ? lease.Follower.FitnessFor(state) : ReplicaFitness.Unfit;

    /// <summary>
    /// The state in which another replica leads, since this one's log is not whole: one that runs and is in sync; without one, an eligible one that runs is
    /// named, and says itself whether it is whole. This one leads after all as <paramref name="isLastResort"/>. Null when nobody can.
    /// </summary>
    private PartitionState? ChooseAnother(PartitionState state, bool uncleanAllowed = false, bool isLastResort = false)
    {
        var (own, live, self) = (node.NodeId, Live(), new HashSet<int> { node.NodeId });
        var inSync = state with { Eligible = [] };
        // Who is not whole is not eligible.
        state = state with { Eligible = [.. state.Eligible.Where(id => id != own)] };
        return (state.Isr.Contains(own) ? LeaderElection.Choose(inSync, live, self, uncleanAllowed: false) : null)
            ?? LeaderElection.PassOn(state, own, live)
            ?? LeaderElection.Choose(inSync, live, self, uncleanAllowed, isLastResort ? self : null);
    }

    /// <summary>
    /// Opens the log, and notes before the first term that this replica takes part. When the disk does not let it, and this node was the one to lead, another is named: whoever is asked next would
    /// come here again. That may pass, so this one keeps what standing it has.
    /// </summary>
    private async Task<ReplicaLease> AcquireAsync(
        TopicPartition partition, TopicDescription topic, LogConfig config, Durable<PartitionOffice> office)
    {
        ReplicaLease? lease = null;
        try
        {
            lease = await replicas.AcquireAsync(partition, topic.Id, config, office.Value.LeaderEpoch, CancellationToken.None);
            if (lease.Log.Offline is { } offline) throw new OrleansLogException(offline.Error, offline.Message, offline);
            // Before the first of several replicas is in sync, each notes that it takes part.
            if (office.Value.LeaderEpoch < 0 && ReplicasOf(partition, topic, office.Value).Length > 1)
                lease.Follower.PrepareToLead(office.Value.ToState());
            _passedOn.TryRemove(partition, out _);
            return lease;
        }
        catch (OrleansLogException e) when (
            e.Error == ErrorCode.KafkaStorageError || (e.Error == ErrorCode.NotLeaderOrFollower && office.Value.LeaderEpoch < 0))
        {
            if (lease is not null) await lease.DisposeAsync();
            var (own, isNamed) = (node.NodeId, false);
            var after = office.Value;
            if (after.LeaderEpoch < 0)
            {
                if (!PassedOnLately(partition)) after = await BeginElsewhereAsync(partition, topic, office);
                isNamed = after.LeaderEpoch == 0;
                // With none that takes part it stays here, and they are not asked with every request either.
                if (after.LeaderEpoch < 0) _passedOn.TryAdd(partition, (own, time.GetTimestamp()));
            }
            else if (!PassedOnLately(partition))
            {
                after = await office.UpdateAsync(before =>
                {
                    var next = NameAnother(before.ToState());
                    isNamed = next is not null;
                    return next is null ? before : before.With(next);
                });
            }

            var chosen = after.LeaderEpoch < 0 ? own : LeaderLocator.Choose(after.ToState(), Live());
            if (chosen < 0 || chosen == own) throw;
            if (isNamed)
            {
                foreach (var (other, last) in _passedOn)
                    if (time.GetElapsedTime(last.At) >= PartitionGrain.RetryAfterFailure) _passedOn.TryRemove(other, out _);
                _passedOn[partition] = (chosen, time.GetTimestamp());
                LogCannotLead(partition, own, chosen, e.Message);
            }

            throw NotHere(partition, chosen, after.LeaderEpoch);

            PartitionState? NameAnother(PartitionState state)
            {
                var live = Live();
                // Without anybody in sync or eligible, any replica may be asked.
                if (state.LeaderEpoch < 0 || LeaderLocator.Choose(state, live) is var before && before >= 0 && before != own) return null;
                return LeaderElection.PassOn(state, own, live)
                    ?? (config.UncleanLeaderElectionEnable ? LeaderElection.Choose(state, live, new HashSet<int> { own }, uncleanAllowed: true) : null);
            }
        }
    }

    // To one that runs still; if it is gone, the next one is to be named.
    private bool PassedOnLately(TopicPartition partition) =>
        _passedOn.TryGetValue(partition, out var last)
        && time.GetElapsedTime(last.At) < PartitionGrain.RetryAfterFailure && Live().Contains(last.To);

    private OrleansLogException NotHere(TopicPartition partition, int leader, int epoch)
    {
        hints.Note(partition, leader, epoch);
        return new OrleansLogException(
            ErrorCode.NotLeaderOrFollower, $"{partition} is led by node {leader}, not by node {node.NodeId}.");
    }

    private HashSet<int> Live() => [.. nodes.Current.ActiveIds, node.NodeId];

    /// <summary>
    /// The topic; from memory when there are other replicas, so that who takes over does not wait for the topic's grain, which may
    /// have been on the node that died. A topic that is gone took the office along, and then there is nothing to take over.
    /// </summary>
    private async Task<(TopicDescription Topic, bool IsCopy)> FindTopicAsync(TopicPartition partition, PartitionOffice office)
    {
        if (office.Replicas.Length > 1 && topics.Find(partition.Topic, office.TopicId) is { } copy) return (copy, true);
        return (await topics.GetAsync(partition.Topic), false);
    }

    private static int[] ReplicasOf(TopicPartition partition, TopicDescription topic, PartitionOffice office)
    {
        if (partition.Partition >= topic.Partitions.Count)
        {
            throw new OrleansLogException(
                ErrorCode.UnknownTopicOrPartition,
                $"The topic '{topic.Name}' has no partition {partition.Partition}; it has {topic.Partitions.Count}, from 0.");
        }

        return office.LeaderEpoch >= 0 && office.Replicas.Length > 0
            ? office.Replicas
            : [.. topic.Partitions[partition.Partition].Replicas];
    }

    private void CheckReplica(TopicPartition partition, int[] assigned)
    {
        if (assigned.Contains(node.NodeId)) return;
        throw new OrleansLogException(
            ErrorCode.NotLeaderOrFollower,
            $"{partition} is not on node {node.NodeId}; its replicas are on: {string.Join(", ", assigned)}.");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} begins without its replica on node {Node}: {Reason}")]
    private partial void LogNotPrepared(TopicPartition partition, int node, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} is not led by node {Node}, but by node {Other}: {Reason}")]
    private partial void LogCannotLead(TopicPartition partition, int node, int other, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Partition} is led by node {Node} in epoch {Epoch}; in sync: {InSync}.")]
    private partial void LogInOffice(TopicPartition partition, int node, int epoch, string inSync);
}
