using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Classic;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

/// <summary>
/// Members of the classic protocol, one coordinator and a network that delays and loses, in virtual time and all from one seed.
/// What the coordinator tells is checked when its records are durable, which is when it may be told.
/// </summary>
internal sealed class ClassicSimulation
{
    public static readonly TopicPartition[] Partitions = [.. Enumerable.Range(0, 5).Select(p => new TopicPartition("t", p))];

    private readonly PriorityQueue<Action, (long At, int Order)> _events = new();
    private readonly List<SimulatedClassicMember> _members = [];
    private readonly List<Action> _given = [];
    private readonly Dictionary<int, string> _leaders = [];
    private readonly Dictionary<(int Generation, TopicPartition Partition), string> _owners = [];
    private readonly Dictionary<TopicPartition, long> _committed = [];
    private readonly GroupBench _bench;
    private int _generation;
    private long _nowMs;
    private int _order;
    private int _names;

    public ClassicSimulation(int seed)
    {
        Random = new Random(seed);
        var options = new GroupOptions { InitialRebalanceDelay = TimeSpan.FromSeconds(Random.Next(3)) };
        _bench = new GroupBench(options, ("t", Partitions.Length));
    }

    public Random Random { get; }

    public bool IsCalm { get; private set; }

    /// <summary>How often something happened, to see that the run was worth it.</summary>
    public Dictionary<string, int> Seen { get; } = [];

    public void Run(int stormMs, int calmMs)
    {
        for (var i = 0; i < 3; i++) StartMember(null);
        After(1000, Disturb);
        After(2000, Work);
        RunUntil(stormMs);
        IsCalm = true;
        RunUntil(stormMs + calmMs);
        CheckRest();
    }

    public void After(int delayMs, Action action) => _events.Enqueue(action, (_nowMs + delayMs, _order++));

    public void Count(string what) => Seen[what] = Seen.GetValueOrDefault(what) + 1;

    public long Committed(TopicPartition partition)
    {
        Assert.Equal(_committed.GetValueOrDefault(partition), _bench.Offset(partition) ?? 0);
        return _committed.GetValueOrDefault(partition);
    }

    public void Join(ClassicJoin join, Action<ClassicJoinResult> receive) =>
        Send(coordinator => coordinator.Join(join), CheckJoin, receive);

    public void Sync(ClassicSync sync, string who, Action<ClassicSyncResult> receive) => Send(
        coordinator => coordinator.Sync(sync), result => CheckSync(sync.Generation, who, result), receive);

    public void Beat(string id, string? instance, int generation, Action<ErrorCode> receive)
    {
        if (IsLost()) return;
        After(Delay(), () =>
        {
            var error = _bench.Coordinator.Heartbeat(id, instance, generation);
            Count($"heartbeat {error}");
            if (!IsLost()) After(Delay(), () => receive(error));
        });
    }

    public void Leave(string id, string? instance) =>
        After(Delay(), () => Serve(() => _bench.Coordinator.Leave([new ClassicLeaver(id, instance)])));

    /// <summary>A commit may be lost, but does not come after its caller has given up waiting: the transport drops it.</summary>
    public void Commit(string id, string? instance, int generation, List<KeyValuePair<TopicPartition, long>> positions)
    {
        if (IsLost()) return;
        After(Random.Next(600), () =>
        {
            try
            {
                var results = Serve(() => _bench.Coordinator.CommitOffsets(new GroupOffsetCommit(
                    id, generation, instance,
                    [.. positions.Select(p => KeyValuePair.Create(p.Key, new GroupOffset(p.Value, -1, "", -1)))])));
                if (results is null) return;
                Count("commit");
                Assert.True(generation >= _generation, $"{id} committed in generation {generation}, but {_generation} has begun.");
                foreach (var (partition, offset) in positions) Note(partition, offset, id);
            }
            catch (OrleansLogException e)
            {
                Count($"commit {e.Error}");
            }
        });
    }

    private void CheckJoin(ClassicJoinResult joined)
    {
        Count($"join {joined.Error}");
        if (joined.Error != ErrorCode.None) return;
        Assert.True(joined.Generation >= _generation, $"Generation {joined.Generation} was told after {_generation}.");
        _generation = joined.Generation;
        if (joined.LeaderId != joined.MemberId || joined.SkipAssignment) return;
        Assert.True(
            _leaders.TryAdd(joined.Generation, joined.MemberId) || _leaders[joined.Generation] == joined.MemberId,
            $"Generation {joined.Generation} is led by {_leaders[joined.Generation]} and {joined.MemberId}.");
    }

    private void CheckSync(int generation, string who, ClassicSyncResult synced)
    {
        Count($"sync {synced.Error}");
        if (synced.Error != ErrorCode.None) return;
        foreach (var partition in synced.Assignment.Select(number => Partitions[number]))
        {
            Assert.True(
                _owners.TryAdd((generation, partition), who) || _owners[(generation, partition)] == who,
                $"In generation {generation} {partition} was given to {_owners[(generation, partition)]} and {who}.");
        }
    }

    private void Send<T>(Func<GroupCoordinator, GroupResult<Pending<T>>> call, Action<T> check, Action<T> receive)
        where T : class
    {
        if (IsLost()) return;
        After(Delay(), () => Serve(() =>
        {
            var result = call(_bench.Coordinator);
            result.Response.WhenGiven(response => _given.Add(() =>
            {
                check(response);
                if (!IsLost()) After(Delay(), () => receive(response));
            }));
            return result;
        }));
    }

    /// <summary>The coordinator takes a call; now and then its append fails, and another coordinator takes office.</summary>
    private T? Serve<T>(Func<GroupResult<T>> call)
        where T : class
    {
        var result = call();
        if (!IsCalm && result.Records.Count > 0 && Random.Next(40) == 0)
        {
            Count("append failed");
            var kept = result.Records.Take(Random.Next(result.Records.Count + 1)).ToList();
            _bench.Keep(new GroupResult<T>(result.Response, kept));
            foreach (var offset in kept.OfType<OffsetRecord>())
                _committed[new TopicPartition(offset.Topic, offset.Partition)] = offset.Value!.Offset;
            _given.Clear();
            Restart();
            return null;
        }

        _bench.Keep(result);
        Tell();
        return result.Response;
    }

    private void Tell()
    {
        foreach (var tell in _given.ToList()) tell();
        _given.Clear();
    }

    private void Restart()
    {
        Count("restart");
        _bench.Coordinator.Abandon(ErrorCode.NotCoordinator);
        Tell();
        _bench.Restart(compacted: Random.Next(2) == 0);
    }

    private void Note(TopicPartition partition, long offset, string id)
    {
        var before = _committed.GetValueOrDefault(partition);
        Assert.True(offset >= before, $"{id} took the offset of {partition} back from {before} to {offset}.");
        _committed[partition] = offset;
    }

    private void RunUntil(long endMs)
    {
        while (_events.TryPeek(out var action, out var at) && at.At <= endMs)
        {
            _events.Dequeue();
            MoveTo(at.At);
            action();
        }

        MoveTo(endMs);
    }

    private void MoveTo(long atMs)
    {
        while (_bench.Coordinator.UntilNextDeadline is { } due && _nowMs + (long)Math.Ceiling(due.TotalMilliseconds) <= atMs)
        {
            Advance(_nowMs + (long)Math.Ceiling(due.TotalMilliseconds));
            Serve(_bench.Coordinator.Tick);
        }

        Advance(atMs);
    }

    private void Advance(long toMs)
    {
        _bench.Time.Advance(TimeSpan.FromMilliseconds(toMs - _nowMs));
        _nowMs = toMs;
    }

    private bool IsLost() => !IsCalm && Random.Next(15) == 0;

    private int Delay() => IsCalm ? Random.Next(20) : Random.Next(30) == 0 ? Random.Next(15_000) : Random.Next(200);

    private void Disturb()
    {
        if (IsCalm) return;
        After(Random.Next(8000), Disturb);
        var running = _members.Where(member => member.IsRunning).ToList();
        var one = running.Count > 0 ? running[Random.Next(running.Count)] : null;
        switch (Random.Next(6))
        {
            case 0 or 1 when running.Count < 6: StartMember(null); break;
            case 2: one?.Stop(leaves: false); break;
            case 3: one?.Stop(leaves: true); break;
            case 4 when one?.Instance is { } instance:
                // The next process of the instance may come before the former one has ended.
                if (Random.Next(2) == 0) one.Stop(leaves: false);
                else After(Random.Next(5000), () => one.Stop(leaves: false));
                After(Random.Next(4000), () => StartMember(instance));
                break;
            case 5: Restart(); break;
        }
    }

    private void Work()
    {
        After(2000, Work);
        foreach (var member in _members) member.Work();
    }

    private void StartMember(string? instance)
    {
        var name = $"m{++_names}";
        if (instance is null && Random.Next(3) == 0) instance = $"i{_names}";
        var member = new SimulatedClassicMember(this, name, instance);
        _members.Add(member);
        member.Start();
    }

    private void CheckRest()
    {
        var running = _members.Where(member => member.IsRunning).ToList();
        var group = _bench.Coordinator.Describe();
        if (running.Count == 0) return;
        Assert.Equal(GroupState.Stable, group.State);
        Assert.Equal(running.Select(member => member.Id).Order(), group.Classic!.Members.Select(member => member.MemberId).Order());
        Assert.All(running, member => Assert.Equal(group.Epoch, member.Generation));
        Assert.Equal(
            Partitions, running.SelectMany(member => member.InUse).OrderBy(partition => partition.Partition));
    }
}
