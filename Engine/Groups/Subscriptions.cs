namespace OrleansLog.Engine.Groups;

/// <summary>Says which of the topics there are a member subscribes to. Not thread-safe.</summary>
internal sealed class Subscriptions(GroupOptions options)
{
    private readonly Dictionary<string, IReadOnlyList<GroupTopic>> _byPattern = new(StringComparer.Ordinal);
    private GroupTopics? _topics;

    /// <summary>The topics there are.</summary>
    /// <exception cref="InvalidOperationException">The coordinator was not told yet.</exception>
    public GroupTopics Topics
    {
        get => _topics ?? throw new InvalidOperationException("The coordinator has not been given the topics.");
        set
        {
            _topics = value;
            _byPattern.Clear();
        }
    }

    /// <summary>Whether the topics are known.</summary>
    public bool IsReady => _topics is not null;

    /// <summary>The topics that exist and that the member subscribes to, ordered by name.</summary>
    public IReadOnlyList<GroupTopic> TopicsOf(MemberMetadata member)
    {
        if (member.SubscribedTopics.Count == 0 && member.SubscribedPattern is { } only) return Matches(only);
        var found = new List<GroupTopic>();
        foreach (var name in member.SubscribedTopics)
            if (Topics.Find(name) is { } topic) found.Add(topic);
        if (member.SubscribedPattern is not { } pattern) return found; // the names are in order
        return [.. found.Union(Matches(pattern)).OrderBy(topic => topic.Name, StringComparer.Ordinal)];
    }

    /// <summary>The topics that exist and that anybody subscribes to, ordered by name.</summary>
    public List<GroupTopic> TopicsOf(IEnumerable<GroupMember> members)
    {
        var all = new SortedDictionary<string, GroupTopic>(StringComparer.Ordinal);
        foreach (var member in members)
            foreach (var topic in TopicsOf(member.Metadata!)) all[topic.Name] = topic;
        return [.. all.Values];
    }

    /// <summary>Whether the member subscribes to a topic of that name, be there one or not.</summary>
    public bool Subscribes(MemberMetadata member, string topic) =>
        member.SubscribedTopics.Contains(topic, StringComparer.Ordinal)
        || (member.SubscribedPattern is { } pattern && Matches(pattern).Any(match => match.Name == topic));

    private IReadOnlyList<GroupTopic> Matches(string pattern)
    {
        if (_byPattern.TryGetValue(pattern, out var known)) return known;
        // It was checked when the member came; one from a foreign log that does not hold matches nothing.
        IReadOnlyList<GroupTopic> matches = [];
        try
        {
            var parsed = SubscriptionPattern.Parse(pattern, options.MaxPatternLength);
            matches = [.. Topics.All.Where(topic => !topic.IsInternal && parsed.Matches(topic.Name))
                .OrderBy(topic => topic.Name, StringComparer.Ordinal)];
        }
        catch (Records.OrleansLogException)
        {
        }

        if (_byPattern.Count >= options.MaxSize) _byPattern.Clear();
        _byPattern.Add(pattern, matches);
        return matches;
    }
}
