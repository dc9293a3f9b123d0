using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Storage;
using OrleansLog.Records;

namespace OrleansLog.Grains.Topics;

/// <summary>
/// Moving replicas: checked and begun here, carried on by each partition's leader. What is true is in the partitions' offices; the
/// topic keeps a copy, and which of them are being moved, so that a description needs neither.
/// </summary>
internal sealed partial class TopicGrain
{
    private const int BeginAttempts = 6;
    private static readonly TimeSpan BeginPause = TimeSpan.FromMilliseconds(100);

    private readonly HashSet<int> _toLook = [];
    private readonly Gate _looking = new();

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReassignmentOutcome>> Reassign(IReadOnlyDictionary<int, IReadOnlyList<int>?> changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var topic = DescribeNow();
        var nodes = await GrainFactory.GetCatalog().ListNodes();
        var outcomes = new Dictionary<int, ReassignmentOutcome>();
        foreach (var (partition, replicas) in changes)
            if (Check(topic, partition, replicas, nodes) is { } refused) outcomes.Add(partition, refused);
        int[] begun = [.. changes.Keys.Where(partition => !outcomes.ContainsKey(partition)).Order()];
        if (begun.Length > 0)
        {
            // Before anything begins, so that whoever asks finds it.
            await _state.UpdateAsync(state => state with { Reassigning = [.. state.Reassigning.Union(begun).Order()] });
            foreach (var some in begun.Chunk(Parallelism))
                foreach (var outcome in await Task.WhenAll(some.Select(partition => BeginAsync(partition, changes[partition]))))
                    outcomes.Add(outcome.Partition, outcome);
            await LookAsync(begun);
        }

        return [.. outcomes.Values.OrderBy(outcome => outcome.Partition)];
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PartitionReassignment>> ListReassignments()
    {
        DescribeNow();
        var partitions = _state.Value.Reassigning;
        var found = new List<PartitionReassignment>();
        foreach (var some in partitions.Chunk(Parallelism))
        {
            var states = await Task.WhenAll(some.Select(ReadAsync));
            found.AddRange(some.Zip(states).Where(each => each.Second is { IsReassigning: true }).Select(each => new PartitionReassignment(
                new TopicPartition(Name, each.First), each.Second!.Replicas, [.. each.Second.Adding], [.. each.Second.Removing])));
        }

        // Some partition did not come to say that it is over.
        if (found.Count < partitions.Length) await LookAsync(partitions);
        return found;
    }

    /// <inheritdoc/>
    public Task NoteReplicas(int partition) => LookAsync([partition]);

    private static bool CanTake(NodeStatus node) => node is { IsRunning: true, IsDraining: false };

    private static ReassignmentOutcome? Check(
        TopicDescription topic, int partition, IReadOnlyList<int>? replicas, IReadOnlyList<NodeStatus> nodes)
    {
        if (partition < 0 || partition >= topic.Partitions.Count)
        {
            return new ReassignmentOutcome(
                partition, ErrorCode.UnknownTopicOrPartition,
                $"The topic '{topic.Name}' has no partition {partition}; it has {topic.Partitions.Count}, from 0.");
        }

        var added = replicas?.Except(topic.Partitions[partition].Replicas).ToArray() ?? [];
        var able = nodes.Where(CanTake).Select(node => node.Node.NodeId).ToArray();
        if (added.All(able.Contains)) return null;
        return new ReassignmentOutcome(
            partition, ErrorCode.InvalidReplicaAssignment,
            $"Partition {partition} of the topic '{topic.Name}' cannot get replicas on the nodes {string.Join(", ", added.Except(able))}: "
            + $"those that run and are not being drained are {string.Join(", ", able)}.");
    }

    /// <summary>Begins a move; where to ask for the leader may be known only from the first answer, and it may be changing.</summary>
    private async Task<ReassignmentOutcome> BeginAsync(int partition, IReadOnlyList<int>? replicas)
    {
        for (var attempt = 1; ; attempt++)
        {
            var outcome = await TryBeginAsync(partition, replicas);
            if (attempt == BeginAttempts || outcome.Error is not (ErrorCode.NotLeaderOrFollower or ErrorCode.LeaderNotAvailable)) return outcome;
            await Task.Delay(BeginPause * attempt, time);
        }
    }

    private async Task<ReassignmentOutcome> TryBeginAsync(int partition, IReadOnlyList<int>? replicas)
    {
        try
        {
            await GrainFactory.GetPartition(new TopicPartition(Name, partition)).Reassign(replicas);
            return new ReassignmentOutcome(partition, ErrorCode.None, null);
        }
        catch (OrleansLogException e)
        {
            return new ReassignmentOutcome(partition, e.Error, e.Message);
        }
        catch (Exception e) when (e is TimeoutException or OrleansException)
        {
            return new ReassignmentOutcome(partition, ErrorCode.LeaderNotAvailable, e.Message);
        }
    }

    /// <summary>Takes over what the partitions' offices say; who comes while others are read for waits, and goes with them.</summary>
    private Task LookAsync(IEnumerable<int> partitions)
    {
        _toLook.UnionWith(partitions);
        return _looking.RunAsync(async () =>
        {
            int[] asked = [.. _toLook];
            _toLook.Clear();
            if (asked.Length == 0 || _state.Value.Id == Guid.Empty || _state.Value.IsDeleting) return;
            var states = new Dictionary<int, PartitionState?>();
            foreach (var some in asked.Chunk(Parallelism))
                foreach (var (partition, state) in some.Zip(await Task.WhenAll(some.Select(ReadAsync)))) states[partition] = state;
            var before = _state.Value;
            await _state.UpdateAsync(state => Adopt(state, states));
            if (ReferenceEquals(_state.Value, before)) return;
            _description = null;
            if (_state.Value.IsUnannounced) await AnnounceAsync(DescribeNow());
        });
    }

    private static TopicState Adopt(TopicState topic, Dictionary<int, PartitionState?> states)
    {
        var assignment = topic.Assignment.ToArray();
        var reassigning = new SortedSet<int>(topic.Reassigning);
        foreach (var (partition, state) in states)
        {
            if (partition >= assignment.Length) continue;
            if (state is { Replicas.Count: > 0 }) assignment[partition] = [.. state.Replicas];
            if (state is { IsReassigning: true }) reassigning.Add(partition);
            else reassigning.Remove(partition);
        }

        var isSame = reassigning.SequenceEqual(topic.Reassigning)
            && assignment.Zip(topic.Assignment).All(each => each.First.SequenceEqual(each.Second));
        if (isSame) return topic;
        // When all is over, the catalog hears how many replicas there are now.
        return topic with { Assignment = assignment, Reassigning = [.. reassigning], IsUnannounced = topic.IsUnannounced || reassigning.Count == 0 };
    }

    // Null for one that was never led, or belongs to an earlier topic of the name.
    private async Task<PartitionState?> ReadAsync(int partition)
    {
        var office = await offices.ReadAsync(new TopicPartition(Name, partition));
        return office.LeaderEpoch >= 0 && office.TopicId == _state.Value.Id ? office.ToState() : null;
    }
}
