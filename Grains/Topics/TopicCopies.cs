using System.Collections.Concurrent;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Placement;

namespace OrleansLog.Grains.Topics;

/// <summary>
/// The topics as this node last heard of them, so that a replica takes office without asking anybody: the topic's grain may have
/// been on the node that died. Bounded. Thread-safe.
/// </summary>
internal sealed class TopicCopies(IGrainFactory grains, TimeProvider time)
{
    private const int MaxTopics = 20_000;
    private readonly ConcurrentDictionary<string, TopicDescription> _topics = new(StringComparer.Ordinal);

    /// <summary>Asks the topic, and remembers its answer.</summary>
    /// <exception cref="Records.OrleansLogException">UnknownTopicOrPartition; LeaderNotAvailable: it did not answer in time.</exception>
    public async Task<TopicDescription> GetAsync(string name)
    {
        if (Failover.RehearsalTopic.Find(name) is { } rehearsed) return rehearsed;
        var topic = await Asking.WithinAsync(grains.GetTopic(name).Describe(), $"the topic '{name}'", time);
        Note(topic);
        return topic;
    }

    /// <summary>What was last heard of the topic of that id; null when nothing was.</summary>
    public TopicDescription? Find(string name, Guid id)
    {
        if (!_topics.TryGetValue(name, out var topic)) topic = Failover.RehearsalTopic.Find(name);
        return topic?.Id == id ? topic : null;
    }

    /// <summary>Remembers a topic.</summary>
    public void Note(TopicDescription topic)
    {
        // Rather forget all than grow: a topic is asked for again when it is needed.
        if (_topics.Count >= MaxTopics) _topics.Clear();
        _topics[topic.Name] = topic;
    }

    /// <summary>Forgets a topic.</summary>
    public void Forget(string name) => _topics.TryRemove(name, out _);
}
