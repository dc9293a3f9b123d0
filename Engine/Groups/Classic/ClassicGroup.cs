using OrleansLog.Engine.Groups.Log;

namespace OrleansLog.Engine.Groups.Classic;

/// <summary>
/// The state of a group of the classic protocol: its members, its generation and who leads it. Of it the log keeps a snapshot
/// of each generation, once when it begins and once when its partitions are shared out; what members are waiting for is only
/// here. Invariants: an instance id belongs to one member; a group with members that is not being rebalanced has a leader
/// among them; the generation never falls. Not thread-safe.
/// </summary>
internal sealed class ClassicGroup
{
    // In the order they came, so that the first one leads.
    private readonly OrderedDictionary<string, ClassicMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _instances = new(StringComparer.Ordinal);

    /// <summary>Empty, PreparingRebalance, CompletingRebalance or Stable.</summary>
    public GroupState State { get; set; } = GroupState.Empty;

    /// <summary>Rises with every rebalance; 0 before the first.</summary>
    public int Generation { get; private set; }

    /// <summary>What the group is for; empty before anybody said.</summary>
    public string ProtocolType { get; private set; } = "";

    /// <summary>The protocol in use; null when none is.</summary>
    public string? Protocol { get; private set; }

    /// <summary>The member that shares out the partitions; null when there are no members.</summary>
    public string? LeaderId { get; private set; }

    /// <summary>When the generation began or its partitions were shared out, milliseconds since the Unix epoch; -1 for none.</summary>
    public long StateTimestampMs { get; private set; } = -1;

    /// <summary>The topics that the members subscribe to, as far as they are consumers that say so in the way known here; null
    /// when it cannot be told.</summary>
    public IReadOnlySet<string>? SubscribedTopics { get; private set; }

    /// <summary>The members, in the order they came.</summary>
    public IReadOnlyCollection<ClassicMember> Members => _members.Values;

    /// <summary>When those who were told an id and have not come back with it are forgotten, by id.</summary>
    public Dictionary<string, long> Expected { get; } = new(StringComparer.Ordinal);

    /// <summary>How long the slowest member may take to come back.</summary>
    public int RebalanceTimeoutMs => _members.Count == 0 ? 0 : _members.Values.Max(member => member.RebalanceTimeoutMs);

    /// <summary>Whether all who are to be in the next generation have asked for it.</summary>
    public bool HaveAllJoined => Expected.Count == 0 && _members.Values.All(member => member.AwaitingJoin is not null);

    /// <summary>The member of that id; null when there is none.</summary>
    public ClassicMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    /// <summary>The static member of that instance; null when there is none.</summary>
    public ClassicMember? FindInstance(string instanceId) =>
        _instances.TryGetValue(instanceId, out var memberId) ? Find(memberId) : null;

    /// <summary>Finds who speaks, and whether it may.</summary>
    /// <returns>None, UnknownMemberId, or FencedInstanceId when the instance belongs to another member by now.</returns>
    public ErrorCode Identify(string memberId, string? instanceId, out ClassicMember? member)
    {
        member = instanceId is null ? Find(memberId) : FindInstance(instanceId);
        if (member is null) return ErrorCode.UnknownMemberId;
        if (member.Id == memberId) return ErrorCode.None;
        member = null;
        return ErrorCode.FencedInstanceId;
    }

    /// <summary>Whether a member that offers these protocols can be in the group.</summary>
    public bool Supports(string protocolType, IReadOnlyList<ClassicProtocol> protocols)
    {
        if (protocolType.Length == 0 || protocols.Count == 0) return false;
        return _members.Count == 0
            || (protocolType == ProtocolType && protocols.Any(protocol => _members.Values.All(member => member.Offers(protocol.Name))));
    }

    /// <summary>The protocol that most members like best of those that all offer; of equals, the one first named.</summary>
    public string SelectProtocol()
    {
        var votes = new OrderedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var member in _members.Values)
        {
            var vote = member.Protocols.First(protocol => _members.Values.All(other => other.Offers(protocol.Name))).Name;
            votes[vote] = votes.GetValueOrDefault(vote) + 1;
        }

        return votes.MaxBy(vote => vote.Value).Key;
    }

    /// <summary>Adds a member.</summary>
    public void Add(ClassicMember member, string protocolType)
    {
        if (_members.Count == 0) ProtocolType = protocolType;
        _members.Add(member.Id, member);
        if (member.InstanceId is { } instanceId) _instances[instanceId] = member.Id;
        LeaderId ??= member.Id;
    }

    /// <summary>Removes a member; its calls that wait are answered with <paramref name="error"/>.</summary>
    public void Remove(ClassicMember member, ErrorCode error)
    {
        _members.Remove(member.Id);
        if (member.InstanceId is { } instanceId) _instances.Remove(instanceId);
        if (LeaderId == member.Id) LeaderId = _members.Count > 0 ? _members.GetAt(0).Key : null;
        member.AnswerJoin(new ClassicJoinResult(error, member.Id));
        member.AnswerSync(ClassicSyncResult.Failed(error));
    }

    /// <summary>Gives a static member's place to the next process of its instance; the former one is fenced.</summary>
    public ClassicMember Replace(ClassicMember member, ClassicMember successor)
    {
        var place = _members.IndexOf(member.Id);
        _members.RemoveAt(place);
        _members.Insert(place, successor.Id, successor);
        _instances[member.InstanceId!] = successor.Id;
        if (LeaderId == member.Id) LeaderId = successor.Id;
        member.AnswerJoin(new ClassicJoinResult(ErrorCode.FencedInstanceId, member.Id));
        member.AnswerSync(ClassicSyncResult.Failed(ErrorCode.FencedInstanceId));
        return successor;
    }

    /// <summary>Makes sure that the leader is one who came back; false when nobody did.</summary>
    public bool TryElectLeader()
    {
        if (LeaderId is { } leader && Find(leader)!.AwaitingJoin is not null) return true;
        if (_members.Values.FirstOrDefault(member => member.AwaitingJoin is not null) is not { } next) return false;
        LeaderId = next.Id;
        return true;
    }

    /// <summary>Begins a generation: with members, who now ask for their assignments; without, as an empty group.</summary>
    public void BeginGeneration(long nowMs)
    {
        Generation = checked(Generation + 1);
        Protocol = _members.Count == 0 ? null : SelectProtocol();
        State = _members.Count == 0 ? GroupState.Empty : GroupState.CompletingRebalance;
        StateTimestampMs = nowMs;
        foreach (var member in _members.Values)
        {
            member.Assignment = [];
            member.OwesSync = true;
        }

        SubscribedTopics = FindSubscribedTopics();
    }

    /// <summary>Notes when the partitions of the generation were shared out.</summary>
    public void Settle(long nowMs)
    {
        State = GroupState.Stable;
        StateTimestampMs = nowMs;
    }

    /// <summary>What the log is to keep.</summary>
    public ClassicGroupValue ToRecord() => new(
        ProtocolType,
        Generation,
        Protocol,
        State == GroupState.Stable ? LeaderId : null,
        StateTimestampMs,
        [.. _members.Values.Select(member => new ClassicMemberValue(
            member.Id, member.InstanceId, member.ClientId, member.ClientHost, member.RebalanceTimeoutMs,
            member.SessionTimeoutMs, member.MetadataFor(Protocol), member.Assignment))]);

    /// <summary>Takes the place of the group that the log tells of.</summary>
    public void Restore(ClassicGroupValue value)
    {
        (Generation, ProtocolType, Protocol, StateTimestampMs) =
            (value.Generation, value.ProtocolType, value.Protocol, value.StateTimestampMs);
        foreach (var entry in value.Members)
        {
            var member = new ClassicMember(entry.MemberId, entry.InstanceId, entry.ClientId, entry.ClientHost)
            {
                SessionTimeoutMs = entry.SessionTimeoutMs,
                RebalanceTimeoutMs = entry.RebalanceTimeoutMs,
                Protocols = [new ClassicProtocol(value.Protocol ?? "", entry.Subscription)],
                Assignment = entry.Assignment,
            };
            Add(member, value.ProtocolType);
        }

        if (value.LeaderId is { } leader && Find(leader) is not null) LeaderId = leader;
        // Nobody owns anything yet where there is no leader: all have to come back.
        State = _members.Count == 0 ? GroupState.Empty
            : value.LeaderId is null ? GroupState.PreparingRebalance
            : GroupState.Stable;
        SubscribedTopics = FindSubscribedTopics();
    }

    /// <summary>Forgets the group, which has no members.</summary>
    public void Clear()
    {
        (Generation, ProtocolType, Protocol, StateTimestampMs, SubscribedTopics) = (0, "", null, -1, null);
        Expected.Clear();
    }

    private HashSet<string>? FindSubscribedTopics()
    {
        if (ProtocolType != ConsumerProtocol.Type) return null;
        var topics = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in _members.Values)
        {
            if (!ConsumerProtocol.TryReadTopics(member.MetadataFor(Protocol), topics)) return null;
        }

        return topics;
    }
}
