using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>
/// A replica of a partition on one node (key: <see cref="ReplicaKey"/>), to which the partition's leader pushes. Its calls
/// interleave: several pushes are under way at a time, and the replica puts them into their order.
/// </summary>
[Alias("OrleansLog.IReplicaGrain")]
public interface IReplicaGrain : IGrainWithStringKey
{
    /// <summary>
    /// Notes, durably, that this replica takes part from the partition's first term on; called before that begins.
    /// </summary>
    /// <exception cref="OrleansLog.Records.OrleansLogException">FencedLeaderEpoch: the partition has had a leader.</exception>
    [AlwaysInterleave, Alias("Prepare")]
    Task Prepare();

    /// <summary>A leader opens its term, or opens it again; the answer tells what the replica's log holds.</summary>
    [AlwaysInterleave, Alias("BeginTerm")]
    Task<ReplicaLogState> BeginTerm(ReplicaTerm term);

    /// <summary>A leader's push: truncates, or appends, and answers once what was appended counts as held.</summary>
    [AlwaysInterleave, Alias("Replicate")]
    Task<ReplicaPushResponse> Replicate(ReplicaPush push);

    /// <summary>Tells that the replica is in use, where pushes come to it without this grain.</summary>
    [AlwaysInterleave, Alias("Touch")]
    Task Touch();

    /// <summary>Takes over a changed topic configuration; called by the partition's leader.</summary>
    [AlwaysInterleave, Alias("ApplyConfig")]
    Task ApplyConfig(TopicDescription topic);

    /// <summary>Deletes the replica's log; called when the topic is deleted, or the node no longer holds a replica.</summary>
    [Alias("Delete")]
    Task Delete();
}
