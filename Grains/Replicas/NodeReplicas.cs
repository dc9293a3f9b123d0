using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas;

/// <summary>
/// The replicas on this node that somebody uses, and which of them lead. The leader of a partition and the follower that other
/// leaders push to share one log and one <see cref="PartitionFollower"/>, so that each can be fenced before the other writes.
/// Thread-safe.
/// </summary>
internal sealed class NodeReplicas(OpenLogs logs, LocalNode node, TimeProvider time, ILogger<PartitionFollower> logger)
{
    private readonly Dictionary<TopicPartition, Slot> _slots = [];
    private readonly ConcurrentDictionary<TopicPartition, PartitionLeader> _leaders = new();

    /// <summary>The leaders in office on this node.</summary>
    public IEnumerable<PartitionLeader> Leaders => _leaders.Values;

    /// <summary>The open replicas of this node, leaders among them.</summary>
    public IReadOnlyList<PartitionFollower> Open
    {
        get
        {
            lock (_slots) return [.. _slots.Values.Select(slot => slot.Follower).OfType<PartitionFollower>()];
        }
    }

    /// <summary>The replica of a partition when it is open on this node; otherwise null.</summary>
    public PartitionFollower? Find(TopicPartition partition)
    {
        lock (_slots) return _slots.GetValueOrDefault(partition)?.Follower;
    }

    /// <summary>The leader of a partition when it is in office on this node; otherwise null.</summary>
    public PartitionLeader? FindLeader(TopicPartition partition) => _leaders.GetValueOrDefault(partition);

    /// <summary>The office that this node holds; of epoch -1 when it does not.</summary>
    public HeldOffice FindOffice(TopicPartition partition) => FindLeader(partition) is { IsClosed: false, State: var state }
        ? new HeldOffice(state.LeaderEpoch, [.. state.Replicas], [.. state.Isr], [.. state.Eligible])
        : new HeldOffice(-1, [], [], []);

    /// <summary>Notes that this node has taken office.</summary>
    public void Enter(PartitionLeader leader) => _leaders[leader.Log.Partition] = leader;

    /// <summary>Notes that a leader has laid its office down, or lost it.</summary>
    public void Leave(PartitionLeader leader) =>
        _leaders.TryRemove(new KeyValuePair<TopicPartition, PartitionLeader>(leader.Log.Partition, leader));

    /// <summary>Opens the log of a partition on this node and the follower on it, or shares those that are open.</summary>
    /// <param name="partition">The partition.</param>
    /// <param name="topicId">Its topic's id.</param>
    /// <param name="config">Its topic's configuration.</param>
    /// <param name="knownEpoch">The leader epoch that is stored; -1 when it is not known.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OrleansLogException">InconsistentTopicId, KafkaStorageError.</exception>
    public async Task<ReplicaLease> AcquireAsync(
        TopicPartition partition, Guid topicId, LogConfig config, int knownEpoch, CancellationToken cancellationToken)
    {
        var slot = Enter(partition);
        try
        {
            return await slot.Gate.RunAsync(async () =>
            {
                var lease = await logs.AcquireAsync(partition, topicId, config, cancellationToken);
                // The log may be another one than that of the lease before: it failed and was opened anew.
                if (!ReferenceEquals(slot.Follower?.Log, lease.Log))
                {
                    slot.Follower?.Close();
                    slot.Follower = new PartitionFollower(lease.Log, node.NodeId, time, knownEpoch, logger: logger);
                }

                return new ReplicaLease(lease, slot.Follower, () => Leave(partition, slot));
            });
        }
        catch
        {
            Leave(partition, slot);
            throw;
        }
    }

    private Slot Enter(TopicPartition partition)
    {
        lock (_slots)
        {
            if (!_slots.TryGetValue(partition, out var slot)) _slots.Add(partition, slot = new Slot());
            slot.Users++;
            return slot;
        }
    }

    private void Leave(TopicPartition partition, Slot slot)
    {
        lock (_slots)
        {
            if (--slot.Users > 0) return;
            _slots.Remove(partition);
        }

        slot.Follower?.Close();
    }

    private sealed class Slot
    {
        /// <summary>One opening at a time.</summary>
        public Gate Gate { get; } = new();

        /// <summary>Those who have the replica or wait at the gate; guarded by the dictionary's lock.</summary>
        public int Users { get; set; }

        /// <summary>Changed within the gate.</summary>
        public PartitionFollower? Follower { get; set; }
    }
}
