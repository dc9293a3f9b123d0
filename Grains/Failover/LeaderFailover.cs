using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;
using OrleansLog.Grains.Replicas;
using OrleansLog.Records;

namespace OrleansLog.Grains.Failover;

/// <summary>
/// Follows which nodes run. The leaders of this node hear at once of a follower's node that is gone or back; and of the
/// partitions that a gone node led, those whose next leader is this node are led here without waiting for a call, those first that were
/// written to lately. What is not taken over in its time, because the next leader cannot, is looked at again. One loop for the silo.
/// </summary>
internal sealed partial class LeaderFailover(
    NodeDirectory nodes,
    NodeReplicas replicas,
    LeaderLocator locator,
    LeaderHints hints,
    IGrainFactory grains,
    TimeProvider time,
    ILogger<LeaderFailover> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    private const int Parallelism = 32;
    private const int Attempts = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    // For those that somebody waits for, if anybody does. It is longer than a leader that hangs takes to be held for dead.
    private static readonly TimeSpan Lately = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan HeadStart = TimeSpan.FromMilliseconds(500);

    private readonly CancellationTokenSource _stopping = new();
    private readonly SemaphoreSlim _room = new(Parallelism);
    private readonly ConcurrentDictionary<int, Task> _takeovers = new();
    private Task _loop = Task.CompletedTask;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(LeaderFailover),
        ServiceLifecycleStage.Active,
        _ =>
        {
            _loop = Task.Run(RunAsync, CancellationToken.None);
            return Task.CompletedTask;
        },
        async _ =>
        {
            await _stopping.CancelAsync();
            await _loop;
            await Task.WhenAll(_takeovers.Values);
        });

    /// <inheritdoc/>
    public void Dispose()
    {
        _stopping.Dispose();
        _room.Dispose();
    }

    private async Task RunAsync()
    {
        var before = NodeView.Empty;
        try
        {
            await foreach (var view in nodes.FollowAsync(_stopping.Token))
            {
                try
                {
                    Compare(before, view);
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    LogFailed(e);
                }

                before = view;
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    private void Compare(NodeView before, NodeView now)
    {
        // A node that came back as another silo was gone in between.
        var gone = before.Nodes.Where(node => node.IsActive && node.NodeId != nodes.OwnId
            && (now.Find(node.NodeId) is not { IsActive: true } same || !same.Silo.Equals(node.Silo)))
            .Select(node => node.NodeId).ToArray();
        var came = now.Nodes.Where(node => node.IsActive && node.NodeId != nodes.OwnId
            && (before.Find(node.NodeId) is not { IsActive: true } same || !same.Silo.Equals(node.Silo)))
            .Select(node => node.NodeId).ToArray();
        foreach (var leader in replicas.Leaders)
        {
            foreach (var node in gone) leader.NoteNodeDown(node);
            foreach (var node in came) leader.NoteNodeUp(node);
        }

        foreach (var node in gone)
        {
            // A node that comes and goes quickly may be taken over from twice at a time; the stop waits for both.
            var earlier = _takeovers.GetValueOrDefault(node, Task.CompletedTask);
            _takeovers[node] = Task.WhenAll(earlier, Task.Run(() => TakeOverFromAsync(node), CancellationToken.None));
        }
    }

    private async Task TakeOverFromAsync(int gone)
    {
        var began = time.GetTimestamp();
        try
        {
            var (waiting, others) = BusyAndIdle(replicas.Open.Where(follower => LeaderOf(follower) == gone));
            for (var attempt = 0; waiting.Length + others.Length > 0 && attempt < Attempts; attempt++)
            {
                if (attempt > 0) await Task.Delay(Pause, time, _stopping.Token);
                var left = new ConcurrentBag<TopicPartition>();
                var first = TakeOverAsync(waiting, gone, anyone: attempt > 0, left);
                if (others.Length > 0) await Task.WhenAny(first, Task.Delay(HeadStart, time, _stopping.Token));
                await Task.WhenAll(first, TakeOverAsync(others, gone, anyone: attempt > 0, left));
                var led = waiting.Length + others.Length - left.Count;
                LogTakenOver(gone, led, left.Count, (long)time.GetElapsedTime(began).TotalMilliseconds);
                (waiting, others) = ([.. left], []);
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(e);
        }
    }

    /// <summary>The partitions that were written to lately, and the others.</summary>
    internal static (TopicPartition[] Busy, TopicPartition[] Idle) BusyAndIdle(IEnumerable<PartitionFollower> followers)
    {
        var isBusy = followers.ToLookup(
            static follower => follower.SinceRecords < Lately, static follower => follower.Log.Partition);
        return ([.. isBusy[true]], [.. isBusy[false]]);
    }

    /// <summary>Has them led, and notes those that are not.</summary>
    private Task TakeOverAsync(TopicPartition[] partitions, int gone, bool anyone, ConcurrentBag<TopicPartition> left) => Parallel.ForEachAsync(
        partitions,
        new ParallelOptions { MaxDegreeOfParallelism = Parallelism, CancellationToken = _stopping.Token },
        async (partition, ending) =>
        {
            await _room.WaitAsync(ending);
            try
            {
                if (!await IsLedAsync(partition, gone, anyone)) left.Add(partition);
            }
            finally
            {
                _room.Release();
            }
        });

    /// <summary>Has a partition led by its next leader, if that is this node, or whoever it is; answers whether it is led now.</summary>
    private async Task<bool> IsLedAsync(TopicPartition partition, int gone, bool anyone)
    {
        try
        {
            var next = await locator.FindStoredAsync(partition);
            // The next leader does it by itself; whether it has is looked at in the next round.
            if (next.NodeId != nodes.OwnId && !anyone) return false;
            return await grains.GetPartition(partition).Lead().WaitAsync(Patience, time, _stopping.Token) != gone;
        }
        catch (Exception e) when (e is not OutOfMemoryException && !_stopping.IsCancellationRequested)
        {
            LogNotTaken(partition, e.Message);
            return e is OrleansLogException { Error: ErrorCode.UnknownTopicOrPartition };
        }
    }

    private int LeaderOf(PartitionFollower follower)
    {
        var partition = follower.Log.Partition;
        if (replicas.FindLeader(partition) is { IsClosed: false }) return nodes.OwnId;
        return follower.LeaderNode >= 0 ? follower.LeaderNode : hints.Find(partition)?.NodeId ?? -1;
    }

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "Node {Node} is gone: {Led} of the partitions that it led have a leader again after {Elapsed} ms, {Left} not yet.")]
    private partial void LogTakenOver(int node, int led, int left, long elapsed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Partition} has no leader yet: {Reason}")]
    private partial void LogNotTaken(TopicPartition partition, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The look at which nodes are gone failed.")]
    private partial void LogFailed(Exception exception);
}
