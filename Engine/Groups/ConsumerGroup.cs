using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;

namespace OrleansLog.Engine.Groups;

/// <summary>
/// The state of a consumer group: what its records in <c>__consumer_offsets</c> add up to. It changes by
/// <see cref="Apply"/> alone, so that a coordinator that replays the records stands where the one that wrote them stood.
/// Invariant: a partition is held by one member at most. Not thread-safe.
/// </summary>
internal sealed class ConsumerGroup(string groupId)
{
    private readonly SortedDictionary<string, GroupMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _instances = new(StringComparer.Ordinal);
    private readonly Dictionary<TopicIdPartition, string> _holders = [];
    private readonly Dictionary<TopicPartition, GroupOffset> _offsets = [];
    private readonly Dictionary<Guid, string> _topicNames = [];

    /// <summary>Its id.</summary>
    public string GroupId { get; } = groupId;

    /// <summary>The group epoch: it rises with every change that asks for a new assignment. 0 before the first member.</summary>
    public int Epoch { get; private set; }

    /// <summary>When the epoch last rose, milliseconds since the Unix epoch; -1 before the first member.</summary>
    public long EpochTimestampMs { get; private set; } = -1;

    /// <summary>The group epoch that the target assignment was made for; behind <see cref="Epoch"/> when one is due.</summary>
    public int TargetEpoch { get; private set; }

    /// <summary>The topics that the members subscribe to, ordered by name, as the epoch saw them.</summary>
    public IReadOnlyList<GroupTopic> SubscribedTopics { get; private set; } = [];

    /// <summary>The members by id.</summary>
    public IReadOnlyCollection<GroupMember> Members => _members.Values;

    /// <summary>The committed offsets.</summary>
    public IReadOnlyDictionary<TopicPartition, GroupOffset> Offsets => _offsets;

    /// <summary>What the log says of the group as one of the classic protocol; null when it says nothing.</summary>
    public ClassicGroupValue? Classic { get; private set; }

    /// <summary>Whether there is such a group at all: it had members or has offsets.</summary>
    public bool Exists => EpochTimestampMs >= 0 || Classic is not null || _members.Count > 0 || _offsets.Count > 0;

    /// <summary>The member of that id; null when there is none.</summary>
    public GroupMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    /// <summary>The static member of that instance id; null when there is none.</summary>
    public GroupMember? FindInstance(string instanceId) =>
        _instances.TryGetValue(instanceId, out var memberId) ? Find(memberId) : null;

    /// <summary>The id of the member that holds the partition; null when it is free.</summary>
    public string? HolderOf(TopicIdPartition partition) => _holders.GetValueOrDefault(partition);

    /// <summary>The name of a topic that the group has or had to do with.</summary>
    public string NameOf(Guid topicId) => _topicNames.TryGetValue(topicId, out var name) ? name : topicId.ToString();

    /// <summary>Takes a record over into the state. Any order that compaction leaves the records in leads to the same
    /// state.</summary>
    public void Apply(GroupRecord record, long timestampMs)
    {
        switch (record)
        {
            case OffsetRecord offset:
                var partition = new TopicPartition(offset.Topic, offset.Partition);
                if (offset.Value is { } value) _offsets[partition] = value;
                else _offsets.Remove(partition);
                break;
            case ClassicGroupRecord classic: Classic = classic.Value; break;
            case GroupEpochRecord epoch:
                Epoch = epoch.Epoch ?? 0;
                EpochTimestampMs = epoch.Epoch is null ? -1 : timestampMs;
                break;
            case SubscribedTopicsRecord topics:
                SubscribedTopics = topics.Topics ?? [];
                foreach (var topic in SubscribedTopics) _topicNames[topic.Id] = topic.Name;
                break;
            case TargetEpochRecord epoch:
                TargetEpoch = epoch.Epoch ?? 0;
                break;
            case MemberRecord member: ApplyMetadata(member); break;
            case TargetAssignmentRecord target:
                if (target.Partitions is { } partitions) GetOrAdd(target.MemberId).Target = partitions;
                else if (Find(target.MemberId) is { } member) member.Target = PartitionSet.Empty;
                break;
            case CurrentAssignmentRecord current: ApplyCurrent(current); break;
        }
    }

    /// <summary>Forgets what the log holds of members whose own record is not there (any more).</summary>
    public void DropIncompleteMembers()
    {
        foreach (var member in _members.Values.Where(member => member.Metadata is null).ToList()) Remove(member);
    }

    private void ApplyMetadata(MemberRecord record)
    {
        if (record.Value is null)
        {
            if (Find(record.MemberId) is { } gone) Remove(gone);
            return;
        }

        var member = GetOrAdd(record.MemberId);
        ReleaseInstance(member);
        member.Metadata = record.Value;
        if (record.Value.InstanceId is { } instanceId) _instances[instanceId] = member.Id;
    }

    private void ApplyCurrent(CurrentAssignmentRecord record)
    {
        var member = record.Value is null ? Find(record.MemberId) : GetOrAdd(record.MemberId);
        if (member is null) return;
        ReleasePartitions(member);
        member.Current = record.Value ?? CurrentAssignment.Joining;
        foreach (var partition in member.Current.Assigned) _holders[partition] = member.Id;
        foreach (var partition in member.Current.PendingRevocation) _holders[partition] = member.Id;
    }

    private GroupMember GetOrAdd(string memberId)
    {
        if (!_members.TryGetValue(memberId, out var member))
            _members.Add(memberId, member = new GroupMember(memberId));
        return member;
    }

    private void Remove(GroupMember member)
    {
        ReleasePartitions(member);
        ReleaseInstance(member);
        _members.Remove(member.Id);
    }

    private void ReleasePartitions(GroupMember member)
    {
        // Another member's record may have taken a partition over already where compaction moved this one's back.
        foreach (var partition in member.Held)
            if (HolderOf(partition) == member.Id) _holders.Remove(partition);
    }

    private void ReleaseInstance(GroupMember member)
    {
        if (member.Metadata?.InstanceId is { } instanceId && _instances.GetValueOrDefault(instanceId) == member.Id)
            _instances.Remove(instanceId);
    }
}
