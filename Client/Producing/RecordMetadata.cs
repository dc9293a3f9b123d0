using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>Where a produced record is.</summary>
/// <param name="Partition">The partition it is in.</param>
/// <param name="Offset">Its offset; -1 when it is not known (<see cref="Acks.None"/>).</param>
/// <param name="TimestampMs">Milliseconds since the Unix epoch: the record's own time, or the leader's where the topic says
/// <c>message.timestamp.type=LogAppendTime</c>.</param>
public readonly record struct RecordMetadata(TopicPartition Partition, long Offset, long TimestampMs);
