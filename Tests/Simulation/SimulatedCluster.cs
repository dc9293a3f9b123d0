using System.Text;
using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;

namespace OrleansLog.Tests.Simulation;

/// <summary>What a simulation is made of.</summary>
public sealed record SimulationOptions
{
    public int Nodes { get; init; } = 3;

    /// <summary>How long things are broken.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the cluster may take to become whole again after that.</summary>
    public TimeSpan CalmLimit { get; init; } = TimeSpan.FromSeconds(60);

    public Mutation Mutation { get; init; }

    public LogConfig Log { get; init; } = LogConfig.Default with
    {
        MinInsyncReplicas = 2, SegmentBytes = 2048, IndexIntervalBytes = 256, SegmentMs = long.MaxValue, SegmentJitterMs = 0,
        MessageTimestampBeforeMaxMs = long.MaxValue, MessageTimestampAfterMaxMs = long.MaxValue, RetentionMs = -1,
    };

    public ReplicationOptions Replication { get; init; } = new() { MaxRequestBytes = 1024 };
}

/// <summary>What a simulation came to.</summary>
public sealed record SimulationResult(
    int Seed, string? Failure, bool IsExcused, ulong TraceHash, int Acknowledged, int Seen, long Events, int Epochs, IReadOnlyList<string> Trace)
{
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var line in Trace) text.AppendLine(line);
        return text.Append(FormattableString.Invariant($"Seed {Seed}: {Failure ?? "as promised"}")).ToString();
    }
}

/// <summary>A cluster with one partition in virtual time: nodes, store, network, clients, and somebody who breaks things.</summary>
public sealed class SimulatedCluster
{
    private readonly HashSet<int> _scrubbed = [];
    private readonly Lane _watch;
    private List<SimulatedProducer> _producers = [];
    private Nemesis? _nemesis;

    public SimulatedCluster(int seed, SimulationOptions options, Action<string>? sink = null)
    {
        Options = options;
        Scheduler = new VirtualScheduler(seed);
        Trace = new Trace(Scheduler) { Sink = sink };
        Network = new SimulatedNetwork(Scheduler, Trace);
        Nodes = [.. Enumerable.Range(1, options.Nodes).Select(id => new ClusterNode(this, id))];
        Store = new ClusterStore(this);
        _watch = new Lane(Scheduler, "watch");
    }

    public SimulationOptions Options { get; }

    public VirtualScheduler Scheduler { get; }

    public Trace Trace { get; }

    public SimulatedNetwork Network { get; }

    public IReadOnlyList<ClusterNode> Nodes { get; }

    public ClusterStore Store { get; }

    public History History { get; } = new();

    /// <summary>Whether nothing is broken any more, and producers come to an end.</summary>
    public bool IsCalm { get; private set; }

    /// <summary>Whether readers come to an end.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Whether the disks of all in-sync replicas were ruined.</summary>
    public bool IsExcused { get; private set; }

    public string? LastClientFailure { get; set; }

    public ClusterNode Node(int id) => Nodes[id - 1];

    /// <summary>The node that a client tries: the leader, if it knows it, or any.</summary>
    public ClusterNode PickNode() =>
        Network.Chance(0.8) ? Node(Store.State.Leader) : Nodes[Scheduler.Random.Next(Nodes.Count)];

    /// <summary>Runs a seed from the start to the verdict.</summary>
    public static SimulationResult Run(int seed, SimulationOptions options, Action<string>? sink = null)
    {
        var cluster = new SimulatedCluster(seed, options, sink);
        string? failure = null;
        try
        {
            cluster.Run();
        }
        catch (BrokenPromiseException broken)
        {
            failure = broken.Message;
        }
#pragma warning disable CA1031 // whatever the simulated code threw, it is this seed's
        catch (Exception thrown)
#pragma warning restore CA1031
        {
            failure = thrown.ToString();
        }

        return new SimulationResult(
            seed, failure, cluster.IsExcused, cluster.Trace.Hash, cluster.History.AcknowledgedCount, cluster.History.SeenCount,
            cluster.Scheduler.EventCount, cluster.Store.State.LeaderEpoch, [.. cluster.Trace.LastLines]);
    }

    private void Run()
    {
        var nemesis = _nemesis = new Nemesis(this);
        Scheduler.AfterEvent = CrashNodes;
        foreach (var node in Nodes) node.Start();
        Store.Start();
        _producers = Enumerable.Range(1, 2).Select(id => new SimulatedProducer(this, id)).ToList();
        foreach (var producer in _producers) producer.Start();
        for (var id = 1; id <= 2; id++) new SimulatedReader(this, id).Start();
        nemesis.Start();
        Scheduler.RunUntil(() => false, Options.Duration);

        nemesis.Stop();
        IsCalm = true;
        var limit = Scheduler.Now + Options.CalmLimit;
        foreach (var node in Nodes) ScrubNow(node);
        Store.ReassignToAll();
        if (!Scheduler.RunUntil(() => _producers.TrueForAll(producer => producer.IsDone) && IsWhole(), limit))
        {
            // Nothing is promised once every in-sync replica has lost data; and they serve what they can, or nothing.
            IsExcused = nemesis.HasHurt(Store.State.Isr) && (Node(Store.State.Leader) is not { Leads: true } leader || leader.Log!.DamagedFrom >= 0);
            if (IsExcused) return;
            throw new BrokenPromiseException($"The cluster did not become whole again within {Options.CalmLimit}: {Describe()}");
        }

        IsOver = true;
        History.Judge([.. Nodes.Select(node => (node.Id, node.Log!))]);
    }

    // A crash that a disk decided on is the process's end, whatever it was doing.
    private void CrashNodes()
    {
        foreach (var node in Nodes)
            if (node.Files.HasCrashed) node.CrashIfOffline();
        CheckInSync();
    }

    // What replication rests on: each replica that is in sync, or eligible, holds all that was acknowledged, so that any of them may lead.
    private void CheckInSync()
    {
        foreach (var id in Store.State.Isr.Concat(Store.State.Eligible))
        {
            if (Node(id).Log is not { Offline: null } log || log.LogEndOffset >= History.AcknowledgedEnd || _nemesis!.HasHurt([id])) continue;
            throw new BrokenPromiseException(
                $"Node {id} is {(Store.State.Isr.Contains(id) ? "in sync" : "eligible")} in epoch {Store.State.LeaderEpoch} and ends at {log.LogEndOffset}; acknowledged is all up to {History.AcknowledgedEnd}.");
        }
    }

    // Damage that nobody has come across would be found by the verdict.
    private void ScrubNow(ClusterNode node)
    {
        node.Lane.Post(() =>
        {
            if (node.Scrub() && node.Log!.DamagedFrom < 0) _scrubbed.Add(node.Id);
            else _scrubbed.Remove(node.Id);
        });
        _watch.After(TimeSpan.FromSeconds(1), () => ScrubNow(node));
    }

    private bool IsWhole() => _scrubbed.Count == Nodes.Count && Store.HasAll && Store.State.Isr.Count == Nodes.Count && Node(Store.State.Leader) is { Leads: true } leader
        && leader.Leader!.HighWatermark == leader.Log!.LogEndOffset
        && Nodes.All(node => node.Log?.LogEndOffset == leader.Log.LogEndOffset);

    private string Describe() =>
        $"stored {Store.State.LeaderEpoch}/{Store.State.Leader} in sync {string.Join(',', Store.State.Isr)} of {string.Join(',', Store.State.Replicas)} to be {string.Join(',', Store.State.Target)}; "
        + string.Join("; ", Nodes.Select(node =>
            $"node {node.Id}{(node.Leads ? $" leads {node.Leader!.State.LeaderEpoch} hw {node.Leader.HighWatermark}" : "")}"
            + $" [{node.Log?.LogStartOffset}, {node.Log?.LogEndOffset}) damaged from {node.Log?.DamagedFrom}{(_scrubbed.Contains(node.Id) ? "" : " and not scrubbed")}"))
        + $"; producers done: {_producers.Count(producer => producer.IsDone)} of {_producers.Count}; a client last heard: {LastClientFailure}";
}
