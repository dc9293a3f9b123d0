using Orleans.Placement;

namespace OrleansLog.Grains.Placement;

/// <summary>Puts a partition's leader where the partition is led, or is to be.</summary>
[Serializable]
public sealed class PartitionLeaderPlacement : PlacementStrategy;

/// <summary>Puts a grain on the node that its key names.</summary>
[Serializable]
public sealed class NodePlacement : PlacementStrategy;

/// <summary>Puts a consumer group where the partition of <c>__consumer_offsets</c> is led that the group is kept in.</summary>
[Serializable]
public sealed class GroupCoordinatorPlacement : PlacementStrategy;

/// <summary>Marks a grain class for <see cref="PartitionLeaderPlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class PartitionLeaderPlacementAttribute() : PlacementAttribute(new PartitionLeaderPlacement());

/// <summary>Marks a grain class for <see cref="NodePlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class NodePlacementAttribute() : PlacementAttribute(new NodePlacement());

/// <summary>Marks a grain class for <see cref="GroupCoordinatorPlacement"/>.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class GroupCoordinatorPlacementAttribute() : PlacementAttribute(new GroupCoordinatorPlacement());
