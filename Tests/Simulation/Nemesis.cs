using OrleansLog.Tests.Engine.Files;

namespace OrleansLog.Tests.Simulation;

/// <summary>
/// Breaks things, by the seed: processes, disks, the network, clocks. Keeps to what the promises allow: a disk loses or damages what
/// was durable on one node only, and not while that node alone is in sync.
/// </summary>
public sealed class Nemesis
{
    private readonly SimulatedCluster _cluster;
    private readonly Lane _lane;
    private readonly Lane _supervisor;
    private readonly Random _random;
    private readonly ClusterNode _badDisk;
    private readonly int _intensity;
    private bool _isWiped;
    private bool _hasHurt;

    public Nemesis(SimulatedCluster cluster)
    {
        _cluster = cluster;
        _lane = new Lane(cluster.Scheduler, "nemesis");
        _supervisor = new Lane(cluster.Scheduler, "supervisor");
        _random = cluster.Scheduler.Random;
        _badDisk = Pick();
        _intensity = 300 + _random.Next(3000);
        cluster.Network.Faults = DrawNetwork();
    }

    /// <summary>Whether the only one of these nodes is the one whose disk was damaged.</summary>
    public bool HasHurt(IReadOnlyList<int> nodes) => _hasHurt && nodes is [var only] && only == _badDisk.Id;

    public void Start()
    {
        _lane.After(TimeSpan.FromMilliseconds(_random.Next(1000)), Act);
        _supervisor.Post(Supervise);
    }

    /// <summary>Mends everything: the network, the disks, the processes.</summary>
    public void Stop()
    {
        _lane.Kill();
        _cluster.Trace.Add($"calm");
        _cluster.Network.Heal();
        _cluster.Network.Faults = new NetworkFaults();
        foreach (var node in _cluster.Nodes)
        {
            node.Files.Heal();
            node.Files.CrashAtOperation = null;
            node.FlushSlowness = 0;
            node.Lane.PausedUntil = TimeSpan.Zero;
            node.CrashIfOffline();
            if (!node.IsRunning) node.Start();
        }
    }

    private void Act()
    {
        var node = Pick();
        switch (_random.Next(16))
        {
            case 0 or 1:
                CrashAndRestart(node);
                break;
            case 2:
                // In the middle of something.
                node.Files.CrashAtOperation = node.Files.OperationCount + 1 + _random.Next(30);
                break;
            case 3:
                if (_random.Next(3) == 0) foreach (var each in _cluster.Nodes) CrashAndRestart(each);
                break;
            case 4 or 5:
                node.Lane.PausedUntil = _cluster.Scheduler.Now + TimeSpan.FromMilliseconds(_random.Next(5000));
                _cluster.Trace.Add($"node {node.Id} pauses until {node.Lane.PausedUntil.TotalMilliseconds}");
                break;
            case 6 or 7 or 8:
                CutOff(node);
                break;
            case 9:
                _cluster.Network.Faults = DrawNetwork();
                break;
            case 10:
                if (node.IsRunning && node.Time is not null) node.Time.Skew += TimeSpan.FromSeconds(_random.Next(-600, 600));
                break;
            case 11:
                node.FlushSlowness = _random.NextDouble() * 0.2;
                break;
            case 12:
                node.Files.Fail((FileOperation)_random.Next(1, 3), FaultyFileSystem.InputOutputError);
                break;
            case 13 or 14:
                Reassign();
                break;
            default:
                if (_random.Next(2) == 0) Rot();
                else Wipe();
                break;
        }

        _lane.After(TimeSpan.FromMilliseconds(_random.Next(_intensity)), Act);
    }

    private void CrashAndRestart(ClusterNode node)
    {
        node.Crash((CrashKind)_random.Next(3));
        RestartLater(node);
    }

    private void RestartLater(ClusterNode node)
    {
        _supervisor.After(TimeSpan.FromMilliseconds(_random.Next(2000)), () =>
        {
            node.CrashIfOffline();
            if (!node.IsRunning) node.Start();
        });
    }

    // A node that ended by itself stays away for a while, and comes back.
    private void Supervise()
    {
        foreach (var node in _cluster.Nodes)
            if (!node.IsRunning && _random.Next(10) == 0) RestartLater(node);
        _supervisor.After(TimeSpan.FromMilliseconds(200), Supervise);
    }

    private void CutOff(ClusterNode node)
    {
        var withStore = _random.Next(2) == 0;
        var inbound = _random.Next(3) != 0;
        var outbound = !inbound || _random.Next(2) == 0;
        var others = _cluster.Nodes.Where(other => other != node && _random.Next(3) != 0).Select(other => other.Id).ToList();
        if (withStore) others.Add(0);
        foreach (var other in others)
        {
            if (inbound) _cluster.Network.Cut(other, node.Id);
            if (outbound) _cluster.Network.Cut(node.Id, other);
        }

        _cluster.Trace.Add($"node {node.Id} is cut off from {string.Join(',', others)} {(inbound ? "in" : "")}{(outbound ? "out" : "")}");
        _lane.After(TimeSpan.FromMilliseconds(_random.Next(2500)), _cluster.Network.Heal);
    }

    // To two nodes at least, as the topic demands; or it is given up what runs.
    private void Reassign()
    {
        var order = _cluster.Nodes.Select(node => node.Id).ToArray();
        _random.Shuffle(order);
        _cluster.Store.Reassign(_random.Next(5) == 0 ? null : order[.._random.Next(2, order.Length + 1)]);
    }

    private void Rot()
    {
        // What is nowhere else cannot be mended.
        if (_cluster.Store.State.Isr.Any(node => node != _badDisk.Id && _cluster.Node(node).Log?.LogEndOffset >= _badDisk.Log?.LogEndOffset))
        {
            _hasHurt = true;
            _badDisk.TurnBit();
        }
    }

    private void Wipe()
    {
        if (_isWiped || !_cluster.Store.State.Isr.Any(node => node != _badDisk.Id)) return;
        _isWiped = _hasHurt = true;
        _badDisk.Crash(CrashKind.ForgetAll);
        _badDisk.Wipe();
        RestartLater(_badDisk);
    }

    private NetworkFaults DrawNetwork() => _random.Next(3) == 0 ? new NetworkFaults() : new NetworkFaults
    {
        Loss = _random.NextDouble() * 0.1,
        Duplication = _random.NextDouble() * 0.1,
        LongDelay = _random.NextDouble() * 0.1,
        Corruption = _random.Next(3) == 0 ? 0.02 : 0,
    };

    private ClusterNode Pick() => _cluster.Nodes[_random.Next(_cluster.Nodes.Count)];
}
