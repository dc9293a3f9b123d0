using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>A leader and its followers in one process, each on a disk of its own, with links and a store that do as they are told.</summary>
internal sealed class ReplicaSet : IPartitionStateStore, IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly ReplicationOptions s_options = new()
    {
        MaxRequestBytes = 256, MinRetryDelay = TimeSpan.FromMilliseconds(1), MaxRetryDelay = TimeSpan.FromMilliseconds(20),
        HighWatermarkDelay = TimeSpan.FromMilliseconds(1), FailureGrace = TimeSpan.FromMinutes(10), CallTimeout = TimeSpan.FromSeconds(20),
    };

    private readonly Lock _gate = new();
    private PartitionLeader? _leader;

    public ReplicaSet(int nodes = 3, int minInsyncReplicas = 2)
    {
        var config = LogConfig.Default with { MinInsyncReplicas = minInsyncReplicas };
        Nodes = [.. Enumerable.Range(1, nodes).Select(id => new Replica(id, new TestLog(config)))];
        var replicas = Nodes.Select(node => node.Id).ToArray();
        State = new PartitionState(0, 1, [1], replicas);
    }

    public IReadOnlyList<Replica> Nodes { get; }

    public PartitionState State { get; private set; }

    /// <summary>Hears of every state that a leader stored.</summary>
    public Action<PartitionState>? Stored { get; set; }

    /// <summary>The nodes that hold a replica at the beginning.</summary>
    public IReadOnlyList<int> Replicas
    {
        init => State = State with { Replicas = value };
    }

    /// <summary>Kafka's <c>replica.lag.time.max.ms</c>.</summary>
    public TimeSpan LagTimeMax { get; init; } = s_options.LagTimeMax;

    /// <summary>The limit of what replicas are sent that are being added.</summary>
    public long? MoveBytesPerSecond { get; init; }

    /// <summary>The leader's clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>What the store answers with instead of storing.</summary>
    public Func<Exception>? StoreFailure { get; set; }

    public Replica this[int id] => Nodes[id - 1];

    /// <summary>Has a node take office in the next epoch.</summary>
    public PartitionLeader Lead(int id, IReadOnlyList<int>? isr = null)
    {
        var node = this[id];
        node.Follower.PrepareToLead(State);
        State = State with { LeaderEpoch = State.LeaderEpoch + 1, Version = State.Version + 1, Leader = id, Isr = isr ?? State.Isr };
        node.Follower.Fence(State.LeaderEpoch);
        return _leader = new PartitionLeader(node.Test.Log, State, id, Time, replication: new ReplicationContext
        {
            Links = to => this[to], Store = this, KnownHighWatermark = node.Follower.HighWatermark, Options = s_options with { LagTimeMax = LagTimeMax },
            ReassignmentThrottle = MoveBytesPerSecond is { } limit ? new CatchUpThrottle(limit, TimeProvider.System) : null,
        });
    }

    public Task<PartitionState> ChangeAsync(PartitionState expected, PartitionState next, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if (StoreFailure is { } failure) throw failure();
            if (State.LeaderEpoch != expected.LeaderEpoch) throw new OrleansLogException(ErrorCode.FencedLeaderEpoch, "another epoch");
            if (State.Version == expected.Version)
            {
                State = next;
                Stored?.Invoke(next);
            }

            return Task.FromResult(State);
        }
    }

    /// <summary>Changes what is stored behind the leader's back.</summary>
    public void Change(Func<PartitionState, PartitionState> change)
    {
        lock (_gate) State = change(State) with { Version = State.Version + 1 };
    }

    public static async Task<long> Append(PartitionLeader leader, string value, short acks = -1) =>
        (await leader.AppendAsync(TestLog.Batch([("k", value)]), acks, Patience).AsTask().WaitAsync(Patience)).BaseOffsets[0];

    public Task Until(Func<bool> condition) => Task.Run(() =>
    {
        if (!SpinWait.SpinUntil(condition, Patience)) throw new TimeoutException($"It did not come about; stored is {string.Join(',', State.Isr)}.");
    });

    /// <summary>Waits until these are in sync, by the store and by what the last leader knows of it.</summary>
    public Task UntilInSync(params int[] nodes) =>
        Until(() => State.Isr.Order().SequenceEqual(nodes) && _leader!.State.Version == State.Version);

    public static string[] Values(PartitionLog log) => [.. TestLog.Records(log).Select(record => record.Value!)];

    public void Dispose()
    {
        foreach (var node in Nodes) node.Test.Dispose();
    }
}

/// <summary>A replica, and the link to it.</summary>
internal sealed class Replica : IReplicaLink
{
    private readonly SemaphoreSlim _turn = new(1);

    public Replica(int id, TestLog test)
    {
        (Id, Test) = (id, test);
        Follower = new PartitionFollower(test.Log, id, TimeProvider.System);
    }

    public int Id { get; }

    public TestLog Test { get; private set; }

    public PartitionFollower Follower { get; private set; }

    /// <summary>Whether calls fail.</summary>
    public bool IsDown { get; set; }

    /// <summary>Whether it says that it is about to stop.</summary>
    public bool IsLeaving { get; set; }

    /// <summary>How long each push takes.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>The pushes that arrived.</summary>
    public List<ReplicateRequest> Requests { get; } = [];

    /// <summary>The node's process ends and another begins.</summary>
    public void Restart(CrashKind kind)
    {
        Follower.Close();
        Test.CrashAndReopen(kind);
        Follower = new PartitionFollower(Test.Log, Id, TimeProvider.System);
    }

    /// <summary>The node begins again with an empty disk.</summary>
    public void Wipe()
    {
        Follower.Close();
        var config = Test.Log.Config;
        Test.Dispose();
        Test = new TestLog(config);
        Follower = new PartitionFollower(Test.Log, Id, TimeProvider.System);
    }

    public Task<FollowerLogState> BeginTermAsync(BeginTermRequest request, CancellationToken cancellationToken)
    {
        if (IsDown) throw new IOException("down");
        return Follower.BeginTermAsync(request, cancellationToken);
    }

    public async Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request, CancellationToken cancellationToken)
    {
        if (IsDown) throw new IOException("down");
        lock (Requests) Requests.Add(request with { Records = request.Records.ToArray() });
        if (Delay > TimeSpan.Zero) return await ReplicateSlowly(request, cancellationToken);
        return await Follower.ReplicateAsync(request, cancellationToken) with { IsLeaving = IsLeaving };
    }

    // One after the other, in their order.
    private async Task<ReplicateResponse> ReplicateSlowly(ReplicateRequest request, CancellationToken cancellationToken)
    {
        // What the leader lends ends with the call.
        request = request with { Records = request.Records.ToArray() };
        await _turn.WaitAsync(cancellationToken);
        Task<ReplicateResponse> answer;
        try
        {
            await Task.Delay(Delay, cancellationToken);
            answer = Follower.ReplicateAsync(request, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }

        return await answer;
    }
}
