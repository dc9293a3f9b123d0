using Orleans.Concurrency;
using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces;

/// <summary>A node of the cluster (key: its number), pinned to it: what nodes ask each other.</summary>
[Alias("OrleansLog.INodeGrain")]
public interface INodeGrain : IGrainWithIntegerKey
{
    /// <summary>Whether a process listens at this address, as seen from the node; tried anew with each call.</summary>
    [AlwaysInterleave, Alias("CanReach")]
    Task<bool> CanReach(string address, int port);

    /// <summary>The epoch in which the node leads a partition at the moment; -1 when it does not.</summary>
    [AlwaysInterleave, Alias("GetLeaderEpoch")]
    Task<int> GetLeaderEpoch(TopicPartition partition);

    /// <summary>What the node keeps.</summary>
    [AlwaysInterleave, Alias("DescribeUsage")]
    Task<NodeUsage> DescribeUsage();

    /// <summary>The offices that the node holds of those asked for, in their order; of epoch -1 where it holds none.</summary>
    [AlwaysInterleave, Alias("DescribeOffices")]
    Task<HeldOffice[]> DescribeOffices(TopicPartition[] partitions);

    /// <summary>Another node took office for these partitions, so that calls for them go there from now on. A hint only.</summary>
    [AlwaysInterleave, Alias("NoteLeaders")]
    Task NoteLeaders(int nodeId, IReadOnlyList<Leadership> leaderships);

    /// <summary>Has the node produce and fetch a record of the partition that another one rehearses a takeover with: as calls from
    /// elsewhere, which that one is to have had before there are real ones. Answers the epoch in which it led.</summary>
    /// <exception cref="Records.OrleansLogException">InvalidRequest: the partition is no such one.</exception>
    [AlwaysInterleave, Alias("Rehearse")]
    Task<int> Rehearse(TopicPartition partition);
}
