using OrleansLog.Engine.Groups.Assignment;
using OrleansLog.Engine.Groups.Log;

namespace OrleansLog.Engine.Groups;

/// <summary>Brings a group's topics and target assignment up to date.</summary>
internal sealed class TargetAssignment(ConsumerGroup group, Subscriptions subscriptions, GroupOptions options)
{
    /// <summary>
    /// Compares the topics that the members subscribe to, with their ids and partitions, with those of the current epoch, and
    /// raises the epoch when they differ.
    /// </summary>
    public void RefreshTopics(GroupChange change)
    {
        var topics = subscriptions.TopicsOf(group.Members);
        if (topics.SequenceEqual(group.SubscribedTopics, SameShape.Instance)) return;
        change.RaiseEpoch();
        change.Emit(new SubscribedTopicsRecord(group.GroupId, topics));
    }

    /// <summary>Makes a new target assignment when the group's epoch asks for one.</summary>
    public void Refresh(GroupChange change)
    {
        if (group.TargetEpoch == group.Epoch || group.Members.Count == 0) return;
        var members = group.Members
            .Select(member => new AssignmentMember(
                member.Id, member.Metadata!.InstanceId, subscriptions.TopicsOf(member.Metadata), member.Target))
            .ToList();
        Assignors.TryFind(PreferredAssignor(), out var assignor);
        var targets = assignor!.Assign(members);
        for (var i = 0; i < members.Count; i++)
        {
            if (!targets[i].Equals(members[i].Target))
                change.Emit(new TargetAssignmentRecord(group.GroupId, members[i].MemberId, targets[i]));
        }

        change.Emit(new TargetEpochRecord(group.GroupId, group.Epoch));
    }

    /// <summary>The assignor that most members ask for; of equals, the first by name.</summary>
    public string PreferredAssignor()
    {
        var votes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var member in group.Members)
        {
            if (member.Metadata?.Assignor is { } name && Assignors.TryFind(name, out var assignor))
                votes[assignor.Name] = votes.GetValueOrDefault(assignor.Name) + 1;
        }

        return votes.Count == 0 ? options.DefaultAssignor : votes.MaxBy(vote => vote.Value).Key;
    }

    private sealed class SameShape : IEqualityComparer<GroupTopic>
    {
        public static SameShape Instance { get; } = new();

        // Whether a topic is internal is not in the log.
        public bool Equals(GroupTopic? x, GroupTopic? y) =>
            x is not null && y is not null && x.Id == y.Id && x.Name == y.Name && x.PartitionCount == y.PartitionCount;

        public int GetHashCode(GroupTopic topic) => topic.Id.GetHashCode();
    }
}
