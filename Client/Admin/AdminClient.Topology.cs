using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>Nodes and where replicas are.</summary>
public sealed partial class AdminClient
{
    private static readonly TimeSpan UsagePatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MovePause = TimeSpan.FromMilliseconds(250);

    /// <summary>The nodes, ordered by id, whether they run, and what they hold.</summary>
    public async Task<IReadOnlyList<NodeReport>> DescribeNodesAsync(CancellationToken cancellationToken = default)
    {
        var nodes = await RunAsync("The list of nodes", () => Grains.GetCatalog().ListNodes(), cancellationToken).ConfigureAwait(false);
        var assigned = await RunAsync("The count of replicas", () => Grains.GetTopology().CountReplicas(), cancellationToken).ConfigureAwait(false);
        return await Task.WhenAll(nodes.Select(async node => new NodeReport(
            node,
            assigned.GetValueOrDefault(node.Node.NodeId),
            node.IsRunning ? await UsageOfAsync(node.Node.NodeId, cancellationToken).ConfigureAwait(false) : null))).ConfigureAwait(false);
    }

    /// <summary>
    /// Begins to move replicas: the nodes that are to hold a partition, the preferred leader first; null gives up what runs. Comes
    /// back when all are begun; see <see cref="WaitForReassignmentsAsync"/>. Replaces those that run.
    /// </summary>
    /// <exception cref="OrleansLogException">Some could not be begun: InvalidReplicaAssignment, NoReassignmentInProgress,
    /// LeaderNotAvailable, ... of the first; the others go on.</exception>
    public async Task ReassignPartitionsAsync(
        IReadOnlyDictionary<TopicPartition, IReadOnlyList<int>?> changes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var failed = new List<(TopicPartition Partition, ReassignmentOutcome Outcome)>();
        foreach (var topic in changes.GroupBy(static change => change.Key.Topic, StringComparer.Ordinal))
        {
            var asked = topic.ToDictionary(static change => change.Key.Partition, static change => change.Value);
            var outcomes = await RunAsync(
                $"The reassignment of topic '{topic.Key}'", () => Grains.GetTopic(topic.Key).Reassign(asked), cancellationToken)
                .ConfigureAwait(false);
            failed.AddRange(outcomes.Where(static outcome => outcome.Error != ErrorCode.None)
                .Select(outcome => (new TopicPartition(topic.Key, outcome.Partition), outcome)));
        }

        if (failed.Count == 0) return;
        var (first, why) = failed[0];
        throw new OrleansLogException(
            why.Error,
            changes.Count == 1 ? why.Message! : $"{failed.Count} of {changes.Count} partitions cannot be moved; the first is {first}: {why.Message}");
    }

    /// <summary>The reassignments that run: of a topic, or all.</summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition.</exception>
    public Task<IReadOnlyList<PartitionReassignment>> ListReassignmentsAsync(string? topic = null, CancellationToken cancellationToken = default) =>
        RunAsync(
            "The list of reassignments",
            () => topic is null ? Grains.GetTopology().ListReassignments() : Grains.GetTopic(topic).ListReassignments(),
            cancellationToken);

    /// <summary>Waits until none of these partitions is being reassigned any more.</summary>
    /// <param name="partitions">The partitions; null for all there are.</param>
    /// <param name="progress">Hears how many are left, now and then.</param>
    /// <param name="cancellationToken">Stops waiting; what runs goes on.</param>
    public async Task WaitForReassignmentsAsync(
        IReadOnlySet<TopicPartition>? partitions = null, IProgress<int>? progress = null, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var running = await ListReassignmentsAsync(null, cancellationToken).ConfigureAwait(false);
            var left = running.Count(each => partitions?.Contains(each.Partition) != false);
            progress?.Report(left);
            if (left == 0) return;
            await Task.Delay(MovePause, _context.Time, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Evens out over the nodes and racks how many replicas they hold and lead, with as few moves as it takes; a new node gets its share.
    /// </summary>
    /// <param name="execute">Whether to begin the moves, or only to propose them.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The moves.</returns>
    public async Task<IReadOnlyList<ReplicaMove>> BalanceAsync(bool execute, CancellationToken cancellationToken = default)
    {
        var plan = await RunAsync("The plan of a balance", () => Grains.GetTopology().PlanBalance(), cancellationToken).ConfigureAwait(false);
        if (execute) await BeginAsync(plan, cancellationToken).ConfigureAwait(false);
        return plan;
    }

    /// <summary>Moves all replicas of a node elsewhere. It gets no new ones from then on, until <see cref="CancelDrainAsync"/>.</summary>
    /// <param name="nodeId">The node; it need not run.</param>
    /// <param name="execute">Whether to do it, or only to propose the moves.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    /// <returns>The moves; none when it holds nothing.</returns>
    /// <exception cref="OrleansLogException">InvalidReplicationFactor: the other nodes are too few for some topics, which are named;
    /// InvalidRequest: there is no such node. Nothing was changed then.</exception>
    public async Task<IReadOnlyList<ReplicaMove>> DrainAsync(int nodeId, bool execute, CancellationToken cancellationToken = default)
    {
        var plan = await PlanDrainAsync(nodeId, cancellationToken).ConfigureAwait(false);
        if (!execute) return plan;
        await SetDrainingAsync(nodeId, true, cancellationToken).ConfigureAwait(false);
        // Whatever was put there while the first plan was made is in the second.
        plan = await PlanDrainAsync(nodeId, cancellationToken).ConfigureAwait(false);
        await BeginAsync(plan, cancellationToken).ConfigureAwait(false);
        return plan;
    }

    /// <summary>Has a node get new replicas again; what was moved away stays there, and what is being moved goes on.</summary>
    /// <exception cref="OrleansLogException">InvalidRequest: there is no such node.</exception>
    public Task CancelDrainAsync(int nodeId, CancellationToken cancellationToken = default) => SetDrainingAsync(nodeId, false, cancellationToken);

    /// <summary>Forgets a node that was stopped for good. Should it start again, it is known again.</summary>
    /// <exception cref="OrleansLogException">InvalidRequest: there is no such node, it runs, or it is to hold replicas.</exception>
    public Task ForgetNodeAsync(int nodeId, CancellationToken cancellationToken = default) =>
        RunAsync($"The removal of node {nodeId}", () => Grains.GetCatalog().ForgetNode(nodeId), cancellationToken);

    /// <summary>Gives each partition of a topic so many replicas.</summary>
    /// <returns>The moves.</returns>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition; InvalidReplicationFactor: not from 1 to the number of nodes.</exception>
    public async Task<IReadOnlyList<ReplicaMove>> SetReplicationFactorAsync(
        string topic, int replicationFactor, bool execute, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(topic);
        var plan = await RunAsync(
            $"The plan for topic '{topic}'", () => Grains.GetTopology().PlanReplicationFactor(topic, replicationFactor), cancellationToken)
            .ConfigureAwait(false);
        if (execute) await BeginAsync(plan, cancellationToken).ConfigureAwait(false);
        return plan;
    }

    private Task BeginAsync(IReadOnlyList<ReplicaMove> plan, CancellationToken cancellationToken) =>
        ReassignPartitionsAsync(plan.ToDictionary(static move => move.Partition, static move => (IReadOnlyList<int>?)move.To), cancellationToken);

    private Task<IReadOnlyList<ReplicaMove>> PlanDrainAsync(int nodeId, CancellationToken cancellationToken) =>
        RunAsync($"The plan to drain node {nodeId}", () => Grains.GetTopology().PlanDrain(nodeId), cancellationToken);

    private Task<bool> SetDrainingAsync(int nodeId, bool isDraining, CancellationToken cancellationToken) => RunAsync(
        $"The drain of node {nodeId}", () => Grains.GetCatalog().SetDraining(nodeId, isDraining), cancellationToken);

    // For the looks of it only: a node that does not answer is shown without.
    private async Task<NodeUsage?> UsageOfAsync(int nodeId, CancellationToken cancellationToken)
    {
        try
        {
            return await Grains.GetNode(nodeId).DescribeUsage()
                .WaitAsync(UsagePatience, _context.Time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OrleansLogException or TimeoutException or OrleansException)
        {
            return null;
        }
    }
}
