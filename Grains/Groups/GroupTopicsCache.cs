using OrleansLog.Engine.Groups;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Groups;

/// <summary>
/// The topics of the cluster as this node last heard of them: one copy and one question to the catalog at a time for all
/// groups of the node. Thread-safe.
/// </summary>
internal sealed class GroupTopicsCache(IGrainFactory grains, TimeProvider time)
{
    private readonly Lock _lock = new();
    private GroupTopics? _topics;
    private Task? _refresh;
    private long _asOf;

    /// <summary>The topics as they were no longer than <paramref name="maxAge"/> ago; asks the catalog only if need be.</summary>
    public async Task<GroupTopics> GetAsync(TimeSpan maxAge)
    {
        var arrived = time.GetTimestamp();
        while (true)
        {
            Task refresh;
            lock (_lock)
            {
                // What was asked before this call came is no news for it, though it is still under way.
                if (_topics is { } topics && time.GetElapsedTime(_asOf, arrived) <= maxAge) return topics;
                refresh = _refresh ??= Task.Run(RefreshAsync); // on no grain's behalf
            }

            await refresh;
        }
    }

    private async Task RefreshAsync()
    {
        try
        {
            var startedAt = time.GetTimestamp();
            var known = _topics;
            var catalog = grains.GetCatalog();
            if (known is null || await catalog.GetTopicsVersion() != known.Version)
            {
                var list = await catalog.ListTopics();
                known = new GroupTopics(list.Version, list.Topics.Select(
                    topic => new GroupTopic(topic.Id, topic.Name, topic.PartitionCount, topic.IsInternal)));
            }

            lock (_lock)
            {
                _topics = known;
                _asOf = startedAt;
            }
        }
        finally
        {
            lock (_lock) _refresh = null;
        }
    }
}
