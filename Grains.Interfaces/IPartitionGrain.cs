using Orleans.Concurrency;

namespace OrleansLog.Grains.Interfaces;

/// <summary>The leader of a partition (key: <see cref="PartitionKey"/>). Its calls interleave: order is kept by the log.</summary>
[Alias("OrleansLog.IPartitionGrain")]
public interface IPartitionGrain : IGrainWithStringKey
{
    /// <summary>
    /// Appends record batches and answers as <see cref="ProduceRequest.Acks"/> asks. Requests of one idempotent producer may
    /// arrive out of their order, as far as its in-flight bound allows; they are put back into it.
    /// </summary>
    /// <exception cref="Records.OrleansLogException">The reasons for which an append is refused: CorruptMessage,
    /// RecordTooLarge, InvalidRecord, OutOfOrderSequenceNumber, InvalidProducerEpoch, UnknownTopicOrPartition,
    /// NotLeaderOrFollower, FencedLeaderEpoch, NotEnoughReplicas, KafkaStorageError, RequestTimedOut, ...</exception>
    [AlwaysInterleave, Alias("Produce")]
    Task<ProduceResponse> Produce(ProduceRequest request);

    /// <summary>Reads whole batches from an offset on, up to the high watermark; waits as long as it is asked to for more.</summary>
    /// <exception cref="Records.OrleansLogException">OffsetOutOfRange, UnknownTopicOrPartition, NotLeaderOrFollower, ...</exception>
    [AlwaysInterleave, Alias("Fetch")]
    Task<FetchResponse> Fetch(FetchRequest request, CancellationToken cancellationToken = default);

    /// <summary>Finds an offset by <paramref name="timestamp"/>: milliseconds since the Unix epoch, or one of
    /// <see cref="OffsetSpec"/>. The end is the last stable offset for those who read committed records only.</summary>
    /// <exception cref="Records.OrleansLogException">InvalidRequest, FencedLeaderEpoch, UnknownLeaderEpoch, ...</exception>
    [AlwaysInterleave, Alias("ListOffsets")]
    Task<OffsetAndTimestamp> ListOffsets(long timestamp, bool readCommitted = false, int currentLeaderEpoch = -1);

    /// <summary>The end offset of the greatest leader epoch that is not above <paramref name="leaderEpoch"/>.</summary>
    [AlwaysInterleave, Alias("OffsetForLeaderEpoch")]
    Task<EpochEndOffset> OffsetForLeaderEpoch(int leaderEpoch, int currentLeaderEpoch = -1);

    /// <summary>Deletes the records before <paramref name="beforeOffset"/> (-1: before the high watermark); returns the new log
    /// start offset.</summary>
    [AlwaysInterleave, Alias("DeleteRecords")]
    Task<long> DeleteRecords(long beforeOffset);

    /// <summary>The state of the partition.</summary>
    [AlwaysInterleave, Alias("Describe")]
    Task<PartitionDescription> Describe();

    /// <summary>Has the partition led, by whoever is to, and tells which node that is; makes no other change.</summary>
    [AlwaysInterleave, Alias("Lead")]
    Task<int> Lead();

    /// <summary>
    /// Hands the office to an in-sync replica: to <paramref name="successor"/>, or to the one that is to lead when that is null.
    /// Nothing acknowledged is lost, and requests that come meanwhile are refused with NotLeaderOrFollower. Returns the node that
    /// leads then, which is the present leader when nobody could take over in time.
    /// </summary>
    [AlwaysInterleave, Alias("HandOver")]
    Task<int> HandOver(int? successor);

    /// <summary>Has the leader look anew at the replica on a node, which has found damage in its log.</summary>
    [AlwaysInterleave, Alias("LookAt")]
    Task LookAt(int nodeId);

    /// <summary>
    /// Begins to move the replicas to these nodes, the preferred leader first, or (null) gives up what runs; called by the topic.
    /// Comes back when that is stored.
    /// </summary>
    /// <exception cref="Records.OrleansLogException">InvalidReplicaAssignment, NoReassignmentInProgress, and whatever keeps the
    /// partition from being led or its state from being stored.</exception>
    [AlwaysInterleave, Alias("Reassign")]
    Task Reassign(IReadOnlyList<int>? replicas);

    /// <summary>Takes over a changed topic configuration; called by the topic.</summary>
    [AlwaysInterleave, Alias("ApplyConfig")]
    Task ApplyConfig(TopicDescription topic);

    /// <summary>Deletes the partition's log and state; called by the topic.</summary>
    [Alias("Delete")]
    Task Delete();
}
