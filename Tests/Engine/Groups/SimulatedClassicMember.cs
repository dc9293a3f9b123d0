using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Records;

namespace OrleansLog.Tests.Engine.Groups;

/// <summary>A consumer of the classic protocol, of the eager kind: it gives everything up before it joins again.</summary>
internal sealed class SimulatedClassicMember(ClassicSimulation world, string name, string? instance)
{
    private const int CallTimeoutMs = 40_000;

    private readonly Dictionary<TopicPartition, long> _positions = [];
    private readonly bool _knowsSkip = world.Random.Next(2) == 0;
    private int _awaited;
    private bool _isStopped;

    public string Id { get; private set; } = "";

    public string? Instance { get; } = instance;

    public int Generation { get; private set; } = -1;

    public IReadOnlyCollection<TopicPartition> InUse => _positions.Keys;

    public bool IsRunning => !_isStopped;

    public void Start() => Join(after: 0);

    /// <summary>The process ends; a dynamic member may say so.</summary>
    public void Stop(bool leaves)
    {
        if (_isStopped) return;
        _isStopped = true;
        _positions.Clear();
        if (leaves && Id.Length > 0) world.Leave(Id, Instance);
    }

    /// <summary>Reads a few records of everything it uses, and commits that.</summary>
    public void Work()
    {
        if (_isStopped || _positions.Count == 0) return;
        foreach (var partition in _positions.Keys.ToList()) _positions[partition] += world.Random.Next(3);
        world.Commit(Id, Instance, Generation, [.. _positions]);
    }

    private void Join(int after) => world.After(after, () =>
    {
        if (_isStopped) return;
        _positions.Clear();
        var join = new ClassicJoin(Id, Instance, "consumer", [new ClassicProtocol("numbers", ClassicBench.Subscription("t"))])
        {
            SessionTimeoutMs = 10_000,
            RebalanceTimeoutMs = 20_000,
            ClientId = name,
            RequiresKnownMemberId = Instance is null,
            CanSkipAssignment = _knowsSkip,
        };
        var call = Expect(() => Join(after: 0));
        world.Join(join, joined =>
        {
            if (IsAnswered(call)) OnJoined(joined);
        });
    });

    private void OnJoined(ClassicJoinResult joined)
    {
        switch (joined.Error)
        {
            case ErrorCode.None:
                (Id, Generation) = (joined.MemberId, joined.Generation);
                var isSlow = !world.IsCalm && world.Random.Next(10) == 0;
                world.After(isSlow ? world.Random.Next(30_000) : 0, () => Sync(joined));
                break;
            case ErrorCode.MemberIdRequired:
                Id = joined.MemberId;
                Join(after: 0);
                break;
            default: OnError(joined.Error); break;
        }
    }

    private void Sync(ClassicJoinResult joined)
    {
        if (_isStopped) return;
        // Whoever it is, it gets every so manieth partition.
        var shares = joined.LeaderId == Id && !joined.SkipAssignment
            ? joined.Members.Select((member, i) => KeyValuePair.Create(member.MemberId, Enumerable.Range(0, ClassicSimulation.Partitions.Length)
                .Where(partition => partition % joined.Members.Count == i).Select(partition => (byte)partition).ToArray())).ToList()
            : [];
        var call = Expect(() => Join(after: 0));
        world.Sync(new ClassicSync(Id, Instance, Generation, shares), Instance ?? Id, synced =>
        {
            if (!IsAnswered(call)) return;
            if (synced.Error != ErrorCode.None)
            {
                OnError(synced.Error);
                return;
            }

            foreach (var partition in synced.Assignment.Select(number => ClassicSimulation.Partitions[number]))
                _positions[partition] = world.Committed(partition);
            Beat();
        });
    }

    private void Beat() => world.After(2000, () =>
    {
        if (_isStopped) return;
        var call = Expect(Beat, 2000);
        world.Beat(Id, Instance, Generation, error =>
        {
            if (!IsAnswered(call)) return;
            if (error == ErrorCode.None) Beat();
            // What is under way it may finish first.
            else if (error == ErrorCode.RebalanceInProgress) Join(after: world.Random.Next(world.IsCalm ? 100 : 25_000));
            else OnError(error);
        });
    });

    private void OnError(ErrorCode error)
    {
        if (error == ErrorCode.FencedInstanceId)
        {
            Stop(leaves: false);
            return;
        }

        if (error == ErrorCode.UnknownMemberId) Id = "";
        Join(after: 300);
    }

    private int Expect(Action onTimeout, int timeoutMs = CallTimeoutMs)
    {
        var call = ++_awaited;
        world.After(timeoutMs, () =>
        {
            if (!IsAnswered(call)) return;
            world.Count("timeout");
            onTimeout();
        });
        return call;
    }

    private bool IsAnswered(int call)
    {
        if (_isStopped || call != _awaited) return false;
        _awaited++;
        return true;
    }
}
