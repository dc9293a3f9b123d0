using System.Collections.Frozen;

namespace OrleansLog.Engine.Groups;

/// <summary>A topic as a group sees it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="PartitionCount">How many partitions it has, from 1.</param>
/// <param name="IsInternal">Whether the cluster keeps its own state in it; such topics match no pattern.</param>
public sealed record GroupTopic(Guid Id, string Name, int PartitionCount, bool IsInternal = false);

/// <summary>
/// The topics there are, at one version of the list. Immutable, so that all groups of a node share one.
/// </summary>
public sealed class GroupTopics
{
    private readonly FrozenDictionary<string, GroupTopic> _byName;

    /// <summary>Makes a list of topics.</summary>
    /// <param name="version">The list's version; it rises with every change.</param>
    /// <param name="topics">The topics; names are unique.</param>
    public GroupTopics(long version, IEnumerable<GroupTopic> topics)
    {
        Version = version;
        All = [.. topics.OrderBy(static topic => topic.Name, StringComparer.Ordinal)];
        _byName = All.ToFrozenDictionary(static topic => topic.Name, StringComparer.Ordinal);
    }

    /// <summary>The list's version.</summary>
    public long Version { get; }

    /// <summary>All topics, in the order of their names.</summary>
    public IReadOnlyList<GroupTopic> All { get; }

    /// <summary>The topic of that name; null when there is none.</summary>
    public GroupTopic? Find(string name) => _byName.GetValueOrDefault(name);
}
