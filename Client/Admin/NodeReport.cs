using OrleansLog.Grains.Interfaces;

namespace OrleansLog.Client;

/// <summary>A node, and what it holds.</summary>
/// <param name="Status">Who it is, and whether it runs.</param>
/// <param name="AssignedReplicas">How many replicas it is to hold when everything that is being moved has arrived.</param>
/// <param name="Usage">What it holds by its own account; null when it does not run or does not answer.</param>
public sealed record NodeReport(NodeStatus Status, int AssignedReplicas, NodeUsage? Usage)
{
    /// <summary>Its stable number.</summary>
    public int NodeId => Status.Node.NodeId;

    /// <summary>Whether it is to hold nothing, and so may be stopped for good.</summary>
    public bool IsEmpty => AssignedReplicas == 0 && Usage is null or { Replicas: 0 };
}
