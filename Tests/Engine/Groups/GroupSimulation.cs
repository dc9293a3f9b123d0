using OrleansLog.Engine.Groups;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

/// <summary>
/// Many members, one coordinator and a network that delays, loses and repeats, in virtual time and all from one seed.
/// </summary>
internal sealed class GroupSimulation
{
    public const int CallTimeoutMs = 5000;

    private readonly PriorityQueue<Action, (long At, int Order)> _events = new();
    private readonly List<SimulatedMember> _members = [];
    private readonly HashSet<string> _fenced = [];
    private readonly Dictionary<TopicPartition, long> _committed = [];
    private readonly GroupBench _bench;
    private readonly string? _assignor;
    private long _nowMs;
    private int _order;
    private int _names;

    public GroupSimulation(int seed)
    {
        Random = new Random(seed);
        _bench = new GroupBench(new GroupOptions { SessionTimeout = TimeSpan.FromSeconds(15) }, seed, ("t.0", 5), ("t.1", 3));
        _assignor = new[] { null, "sticky", "range", "roundrobin" }[Random.Next(4)];
    }

    public Random Random { get; }

    /// <summary>Whether faults and changes have ended.</summary>
    public bool IsCalm { get; private set; }

    /// <summary>How often something happened, to see that the run was worth it.</summary>
    public Dictionary<string, int> Seen { get; } = [];

    public void Run(int stormMs, int calmMs)
    {
        for (var i = 0; i < 3; i++) StartMember();
        After(1000, Disturb);
        After(2000, Work);
        RunUntil(stormMs);
        IsCalm = true;
        RunUntil(stormMs + calmMs);
        CheckRest();
    }

    public void After(int delayMs, Action action) => _events.Enqueue(action, (_nowMs + delayMs, _order++));

    /// <summary>Sends a heartbeat over the bad network; the answer may never come.</summary>
    public void Send(GroupHeartbeat heartbeat, Action<GroupHeartbeatResult?, ErrorCode> receive)
    {
        var copies = IsCalm || Random.Next(10) > 0 ? 1 : Random.Next(3);
        for (var copy = 0; copy < copies; copy++)
        {
            After(Delay(), () =>
            {
                var (result, error) = Serve(() => _bench.Coordinator.Heartbeat(heartbeat));
                if (error == ErrorCode.RequestTimedOut) return;
                if (result is not null)
                {
                    if (heartbeat.MemberEpoch == -1) _fenced.Add(heartbeat.MemberId);
                    else _fenced.Remove(heartbeat.MemberId);
                }

                if (IsCalm || Random.Next(10) > 0) After(Delay(), () => receive(result, error));
            });
        }
    }

    /// <summary>Sends a commit. It may be lost, but not come after its caller has given up waiting: the transport drops
    /// it.</summary>
    public void SendCommit(SimulatedMember member, List<KeyValuePair<TopicPartition, long>> positions)
    {
        var epoch = member.Epoch;
        if (!IsCalm && Random.Next(10) == 0) return;
        After(Random.Next(600), () =>
        {
            var commit = new GroupOffsetCommit(
                member.Id, epoch, member.InstanceId,
                [.. positions.Select(position => KeyValuePair.Create(position.Key, new GroupOffset(position.Value, -1, "", -1)))]);
            var (results, _) = Serve(() => _bench.Coordinator.CommitOffsets(commit));
            Count(results is null ? "commit refused" : "commit");
            if (results is null) return;
            Assert.False(_fenced.Contains(member.Id), $"{member.Id} is fenced, but its commit was taken.");
            for (var i = 0; i < positions.Count; i++)
            {
                if (results[i] != ErrorCode.None) continue;
                var (partition, offset) = positions[i];
                var before = _committed.GetValueOrDefault(partition, 0);
                Assert.True(offset >= before, $"{member.Id} took the offset of {partition} back from {before} to {offset}.");
                _committed[partition] = offset;
            }
        });
    }

    /// <summary>The committed offset as the world knows it; the coordinator must know the same.</summary>
    public long Committed(TopicPartition partition)
    {
        var known = _committed.GetValueOrDefault(partition, 0);
        Assert.Equal(known, _bench.Offset(partition) ?? 0);
        return known;
    }

    /// <summary>No partition is used by two members, but for members that were fenced and have not noticed.</summary>
    public void CheckOwners()
    {
        var owners = new Dictionary<TopicPartition, string>();
        foreach (var member in _members.Where(member => member.IsRunning && !_fenced.Contains(member.Id)))
        {
            foreach (var partition in member.InUse)
            {
                Assert.True(
                    owners.TryAdd(partition, member.Id),
                    $"At {_nowMs} ms {partition} is used by {owners.GetValueOrDefault(partition)} and {member.Id}.");
            }
        }
    }

    private void RunUntil(long endMs)
    {
        while (_events.TryPeek(out var action, out var at) && at.At <= endMs)
        {
            _events.Dequeue();
            MoveTo(at.At);
            action();
            CheckOwners();
        }

        MoveTo(endMs);
    }

    private void MoveTo(long atMs)
    {
        while (_bench.Coordinator.UntilNextDeadline is { } due && _nowMs + (long)Math.Ceiling(due.TotalMilliseconds) <= atMs)
        {
            Advance(_nowMs + (long)Math.Ceiling(due.TotalMilliseconds));
            foreach (var member in _bench.Tick())
            {
                _fenced.Add(member);
                Count("fenced");
            }
        }

        Advance(atMs);
    }

    private void Advance(long toMs)
    {
        _bench.Time.Advance(TimeSpan.FromMilliseconds(toMs - _nowMs));
        _nowMs = toMs;
    }

    /// <summary>The coordinator takes a call; now and then its append fails, and another coordinator takes office.</summary>
    private (T? Result, ErrorCode Error) Serve<T>(Func<GroupResult<T>> call) where T : class
    {
        try
        {
            var result = call();
            if (!IsCalm && result.Records.Count > 0 && Random.Next(50) == 0)
            {
                // What did reach the log stays there.
                var kept = Random.Next(result.Records.Count + 1);
                Count("append failed");
                Keep(result, kept);
                _bench.Restart(compacted: Random.Next(2) == 0);
                return (null, ErrorCode.RequestTimedOut);
            }

            return (_bench.Keep(result), ErrorCode.None);
        }
        catch (OrleansLogException e)
        {
            Count(e.Error.ToString());
            return (null, e.Error);
        }
    }

    private void Keep<T>(GroupResult<T> result, int count)
    {
        var kept = result.Records.Take(count).ToList();
        _bench.Keep(new GroupResult<T>(result.Response, kept));
        foreach (var record in kept.OfType<OrleansLog.Engine.Groups.Log.OffsetRecord>())
            _committed[new TopicPartition(record.Topic, record.Partition)] = record.Value!.Offset;
        foreach (var record in kept.OfType<OrleansLog.Engine.Groups.Log.MemberRecord>())
        {
            if (record.Value is null) _fenced.Add(record.MemberId);
        }
    }

    private int Delay() => IsCalm ? Random.Next(20) : Random.Next(20) == 0 ? Random.Next(20_000) : Random.Next(200);

    private void Disturb()
    {
        if (IsCalm) return;
        After(Random.Next(6000), Disturb);
        var running = _members.Where(member => member.IsRunning).ToList();
        var one = running.Count > 0 ? running[Random.Next(running.Count)] : null;
        switch (Random.Next(8))
        {
            case 0 or 1 when running.Count < 8: StartMember(); break;
            case 2: one?.Crash(); break;
            case 3: one?.Leave(forAWhile: false); break;
            case 4 when one?.InstanceId is { } instance:
                one.Leave(forAWhile: true);
                After(Random.Next(8000), () => StartMember(instance));
                break;
            case 5: _bench.Restart(compacted: Random.Next(2) == 0); Count("restart"); break;
            case 6 when _bench.Topics.Sum(topic => topic.PartitionCount) < 40:
                var topic = _bench.Topics[Random.Next(_bench.Topics.Count)];
                _bench.Extend(topic.Name, topic.PartitionCount + Random.Next(1, 3));
                break;
            case 7 when _bench.Topics.Count < 6: _bench.Create($"t.{_bench.Topics.Count}", Random.Next(1, 4)); break;
        }
    }

    private void Work()
    {
        After(2000, Work);
        foreach (var member in _members) member.Work();
    }

    private void StartMember(string? instance = null)
    {
        var name = ++_names;
        if (instance is null && Random.Next(3) == 0) instance = $"i{name}";
        var subscription = new GroupHeartbeat("", 0)
        {
            SubscribedPattern = Random.Next(2) == 0 ? "t\\..*" : null,
            SubscribedTopics = ["t.0", "t.1", "t.2", "t.3", "t.4", "t.5"],
            Assignor = _assignor,
        };
        var member = new SimulatedMember(this, $"m{name:D3}", instance, subscription);
        _members.Add(member);
        member.Start();
    }

    private void CheckRest()
    {
        var group = _bench.Coordinator.Describe();
        var running = _members.Where(member => member.IsRunning).ToList();
        Assert.Equal(running.Select(member => member.Id).Order(), group.Members.Select(member => member.MemberId));
        if (running.Count == 0) return;
        Assert.Equal(GroupState.Stable, group.State);
        Assert.Equal(
            _bench.Topics.SelectMany(topic => Enumerable.Range(0, topic.PartitionCount).Select(p => new TopicPartition(topic.Name, p)))
                .OrderBy(partition => partition.ToString()),
            running.SelectMany(member => member.InUse).OrderBy(partition => partition.ToString()));
        if (_assignor is "range") return;
        Assert.InRange(running.Max(member => member.InUse.Count) - running.Min(member => member.InUse.Count), 0, 1);
    }

    private void Count(string what) => Seen[what] = Seen.GetValueOrDefault(what) + 1;
}
