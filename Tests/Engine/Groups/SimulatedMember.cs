using OrleansLog.Engine.Groups;
using OrleansLog.Records;

namespace OrleansLog.Tests.Engine.Groups;

/// <summary>
/// A consumer as the protocol expects it: one heartbeat in flight, a whole one after every failure; what it is told to own it
/// uses at once, what it is told to give up it uses until it has finished with it.
/// </summary>
internal sealed class SimulatedMember(GroupSimulation world, string id, string? instanceId, GroupHeartbeat subscription)
{
    private readonly Dictionary<TopicPartition, long> _positions = [];
    private HashSet<TopicPartition> _assignment = [];
    private long _sequence;
    private long _awaited;
    private bool _isFull = true;
    private bool _ownedChanged;
    private bool _isStopped;

    public string Id { get; } = id;

    public string? InstanceId { get; } = instanceId;

    public int Epoch { get; private set; }

    /// <summary>What it uses, whether it may or not.</summary>
    public IReadOnlyCollection<TopicPartition> InUse => _positions.Keys;

    public bool IsRunning => !_isStopped;

    public void Start() => Beat(after: 0);

    /// <summary>The process is gone; nobody is told.</summary>
    public void Crash()
    {
        _isStopped = true;
        _positions.Clear();
    }

    /// <summary>It gives everything up and says so.</summary>
    public void Leave(bool forAWhile)
    {
        _isStopped = true;
        _positions.Clear();
        world.Send(new GroupHeartbeat(Id, forAWhile ? -2 : -1) { InstanceId = InstanceId, Sequence = ++_sequence }, (_, _) => { });
    }

    /// <summary>Reads a few records of everything it uses, and commits that.</summary>
    public void Work()
    {
        if (_isStopped || Epoch == 0) return;
        foreach (var partition in _positions.Keys.ToList()) _positions[partition] += world.Random.Next(3);
        world.SendCommit(this, [.. _positions]);
    }

    private void Beat(int after) => world.After(after, () =>
    {
        if (_isStopped) return;
        var full = _isFull || Epoch == 0;
        var heartbeat = new GroupHeartbeat(Id, Epoch)
        {
            InstanceId = InstanceId,
            Sequence = ++_sequence,
            SubscribedTopics = full ? subscription.SubscribedTopics : null,
            SubscribedPattern = full ? subscription.SubscribedPattern : null,
            Assignor = full ? subscription.Assignor : null,
            RebalanceTimeoutMs = full ? 20_000 : -1,
            OwnedPartitions = full || _ownedChanged ? [.. _positions.Keys] : null,
        };
        (_isFull, _ownedChanged) = (false, false);
        var sequence = _awaited = _sequence;
        world.Send(heartbeat, (result, error) =>
        {
            if (_awaited == sequence && !_isStopped) Receive(result, error);
        });
        world.After(GroupSimulation.CallTimeoutMs, () =>
        {
            if (_awaited == sequence && !_isStopped) Receive(null, ErrorCode.RequestTimedOut);
        });
    });

    private void Receive(GroupHeartbeatResult? result, ErrorCode error)
    {
        _awaited = -1;
        if (error is ErrorCode.FencedMemberEpoch or ErrorCode.UnknownMemberId)
        {
            Epoch = 0;
            _positions.Clear();
            _assignment = [];
        }

        if (result is null)
        {
            _isFull = true;
            Beat(after: 500);
            return;
        }

        Epoch = result.MemberEpoch;
        if (result.Assignment is { } assignment) Adopt([.. assignment]);
        Beat(after: _ownedChanged ? 0 : 3000);
    }

    private void Adopt(HashSet<TopicPartition> assignment)
    {
        _assignment = assignment;
        // It says so when it owns that already.
        _ownedChanged |= assignment.SetEquals(_positions.Keys);
        foreach (var added in assignment.Except(_positions.Keys).ToList())
        {
            _positions.Add(added, world.Committed(added));
            _ownedChanged = true;
        }

        foreach (var lost in _positions.Keys.Except(assignment).ToList())
        {
            world.After(world.Random.Next(world.IsCalm ? 100 : 30_000), () =>
            {
                if (_assignment.Contains(lost)) return; // given back meanwhile
                if (_positions.Remove(lost)) _ownedChanged = true;
            });
        }

        world.CheckOwners();
    }
}
