using System.Collections.Frozen;
using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Grains.Placement;

/// <summary>Which nodes run, at one version of the membership. Immutable.</summary>
internal sealed class NodeView
{
    private const int UnknownBits = 10;

    private readonly FrozenDictionary<int, ClusterNode> _byId;
    private readonly FrozenDictionary<SiloAddress, ClusterNode> _bySilo;

    /// <summary>A view of these nodes.</summary>
    /// <param name="version">The version of the membership it was made from.</param>
    /// <param name="nodes">One for each node id.</param>
    /// <param name="unknown">Silos that run and have not said yet which node they are.</param>
    public NodeView(MembershipVersion version, IEnumerable<ClusterNode> nodes, IEnumerable<SiloAddress> unknown)
    {
        Version = version;
        Nodes = [.. nodes.OrderBy(static node => node.NodeId)];
        Unknown = [.. unknown.Order()];
        Revision = version.Value < 0 ? -1 : ((version.Value + 1) << UnknownBits) - 1 - Math.Min(Unknown.Count, (1 << UnknownBits) - 1);
        _byId = Nodes.ToFrozenDictionary(static node => node.NodeId);
        _bySilo = Nodes.ToFrozenDictionary(static node => node.Silo);
        Brokers = [.. Nodes.Where(static node => node.IsActive).Select(static node => node.ToBroker()).OfType<KafkaBroker>()];
        ActiveIds = Nodes.Where(static node => node.IsActive).Select(static node => node.NodeId).ToFrozenSet();
    }

    /// <summary>The view before anything is known.</summary>
    public static NodeView Empty { get; } = new(MembershipVersion.MinValue, [], []);

    /// <summary>The version of the membership this view was made from. Views of one version differ when a silo has said since
    /// which node it is.</summary>
    public MembershipVersion Version { get; }

    /// <summary>Of two views, on whatever nodes, the one that knows more has the greater: it is of a later version of the membership, or
    /// of the same one, and fewer silos have yet to say which node they are. From -1, the empty view's.</summary>
    public long Revision { get; }

    /// <summary>The nodes that can be reached, ordered by id: those that take work, and those that join or leave.</summary>
    public IReadOnlyList<ClusterNode> Nodes { get; }

    /// <summary>Those that take work and have a Kafka listener, ordered by id.</summary>
    public IReadOnlyList<KafkaBroker> Brokers { get; }

    /// <summary>The ids of the nodes that take work.</summary>
    public IReadOnlySet<int> ActiveIds { get; }

    /// <summary>Silos that run and have not said yet which node they are: while there are any, a node that is missing here
    /// need not be dead.</summary>
    public IReadOnlyList<SiloAddress> Unknown { get; }

    /// <summary>The node of that id; null when it does not run.</summary>
    public ClusterNode? Find(int nodeId) => _byId.GetValueOrDefault(nodeId);

    /// <summary>The node that the silo is; null when it does not run or has not said so yet.</summary>
    public ClusterNode? Find(SiloAddress silo) => _bySilo.GetValueOrDefault(silo);

    /// <summary>Whether both name the same nodes, with the same silos in the same states.</summary>
    public bool HasSameNodesAs(NodeView other) => Nodes.SequenceEqual(other.Nodes) && Unknown.SequenceEqual(other.Unknown);
}
