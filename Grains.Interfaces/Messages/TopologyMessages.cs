using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>A reassignment that runs.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Replicas">Node ids of all replicas meanwhile, those that stay or come first, in the order they will have.</param>
/// <param name="Adding">Those that are being filled up, or were since it began.</param>
/// <param name="Removing">Those that go in the end.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.PartitionReassignment")]
public sealed record PartitionReassignment(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] IReadOnlyList<int> Replicas,
    [property: Id(2)] IReadOnlyList<int> Adding,
    [property: Id(3)] IReadOnlyList<int> Removing);

/// <summary>What became of the wish to reassign a partition.</summary>
/// <param name="Partition">The partition's number.</param>
/// <param name="Error">None when it has begun (or there was nothing to do); otherwise why it has not.</param>
/// <param name="Message">The reason in words; null when there is no error.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReassignmentOutcome")]
public sealed record ReassignmentOutcome(
    [property: Id(0)] int Partition,
    [property: Id(1)] ErrorCode Error,
    [property: Id(2)] string? Message);

/// <summary>A node as the cluster sees it.</summary>
/// <param name="Node">Who it is.</param>
/// <param name="IsRunning">Whether it takes work now.</param>
/// <param name="IsDraining">Whether it gets no new replicas, because it is to be taken out.</param>
/// <param name="Gateway">Where Orleans clients reach it, as address:port; null when it does not run, or has no gateway.</param>
/// <param name="HttpEndpoint">Where its health and console are, as host:port; null when it does not run, or has none.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.NodeStatus")]
public sealed record NodeStatus(
    [property: Id(0)] NodeDescription Node,
    [property: Id(1)] bool IsRunning,
    [property: Id(2)] bool IsDraining,
    [property: Id(3)] string? Gateway,
    [property: Id(4)] string? HttpEndpoint);

/// <summary>What a node keeps, by its own account.</summary>
/// <param name="Replicas">Replicas in its data directory.</param>
/// <param name="Leaders">Partitions that it leads at the moment; an idle one has no leader until it is used.</param>
/// <param name="Bytes">Bytes of records in its data directory.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.NodeUsage")]
public sealed record NodeUsage(
    [property: Id(0)] int Replicas,
    [property: Id(1)] int Leaders,
    [property: Id(2)] long Bytes);

/// <summary>A change of a partition's replicas that is proposed.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="From">Node ids now, the preferred leader first.</param>
/// <param name="To">Node ids then.</param>
[GenerateSerializer, Immutable, Alias("OrleansLog.ReplicaMove")]
public sealed record ReplicaMove(
    [property: Id(0)] TopicPartition Partition,
    [property: Id(1)] IReadOnlyList<int> From,
    [property: Id(2)] IReadOnlyList<int> To);
