using System.Buffers;
using static OrleansLog.Engine.Groups.Log.FieldWriter;

namespace OrleansLog.Engine.Groups.Log;

/// <summary>
/// Writes <see cref="GroupRecord"/>s in Kafka's own schemas of <c>__consumer_offsets</c>. A key is its version as int16 and the
/// fields in the old encoding; a value is its version as int16 and the fields, from KIP-848 on in the flexible encoding.
/// Source: the record schemas of Kafka's group coordinator.
/// </summary>
public static class GroupRecordWriter
{
    /// <summary>The name of the record header that keeps the id of an offset's topic, as the 16 bytes of the UUID.</summary>
    public const string TopicIdHeader = "topic-id";

    /// <summary>Writes the record's key.</summary>
    public static void WriteKey(GroupRecord record, IBufferWriter<byte> output)
    {
        WriteInt16(output, KeyVersion(record));
        WriteString(output, record.GroupId);
        switch (record)
        {
            case OffsetRecord offset:
                WriteString(output, offset.Topic);
                WriteInt32(output, offset.Partition);
                break;
            case MemberRecord member: WriteString(output, member.MemberId); break;
            case TargetAssignmentRecord member: WriteString(output, member.MemberId); break;
            case CurrentAssignmentRecord member: WriteString(output, member.MemberId); break;
        }
    }

    /// <summary>Writes the record's value; false, with nothing written, for a tombstone.</summary>
    public static bool WriteValue(GroupRecord record, IBufferWriter<byte> output)
    {
        switch (record)
        {
            case OffsetRecord { Value: { } offset }: WriteOffset(output, offset); return true;
            case GroupEpochRecord { Epoch: { } epoch }: WriteEpoch(output, epoch); return true;
            case TargetEpochRecord { Epoch: { } epoch }: WriteEpoch(output, epoch); return true;
            case SubscribedTopicsRecord { Topics: { } topics }: WriteTopics(output, topics); return true;
            case MemberRecord { Value: { } member }: WriteMember(output, member); return true;
            case TargetAssignmentRecord { Partitions: { } partitions }:
                WriteInt16(output, 0);
                WritePartitions(output, partitions);
                WriteNoTags(output);
                return true;
            case CurrentAssignmentRecord { Value: { } current }: WriteCurrent(output, current); return true;
            case ClassicGroupRecord { Value: { } classic }: ClassicGroupSchema.Write(output, classic); return true;
            default: return false;
        }
    }

    private static short KeyVersion(GroupRecord record) => record switch
    {
        OffsetRecord => 1,
        ClassicGroupRecord => 2,
        GroupEpochRecord => 3,
        SubscribedTopicsRecord => 4,
        MemberRecord => 5,
        TargetEpochRecord => 6,
        TargetAssignmentRecord => 7,
        CurrentAssignmentRecord => 8,
        _ => throw new NotSupportedException($"There is no schema for {record.GetType().Name}."),
    };

    private static void WriteOffset(IBufferWriter<byte> output, GroupOffset offset)
    {
        // Version 1 is the only one with an expiry, version 3 the first with a leader epoch.
        var expires = offset.ExpireTimestampMs >= 0;
        WriteInt16(output, (short)(expires ? 1 : 3));
        WriteInt64(output, offset.Offset);
        if (!expires) WriteInt32(output, offset.LeaderEpoch);
        WriteString(output, offset.Metadata);
        WriteInt64(output, offset.CommitTimestampMs);
        if (expires) WriteInt64(output, offset.ExpireTimestampMs);
    }

    private static void WriteEpoch(IBufferWriter<byte> output, int epoch)
    {
        WriteInt16(output, 0);
        WriteInt32(output, epoch);
        WriteNoTags(output);
    }

    private static void WriteTopics(IBufferWriter<byte> output, IReadOnlyList<GroupTopic> topics)
    {
        WriteInt16(output, 0);
        WriteArrayLength(output, topics.Count);
        foreach (var topic in topics)
        {
            WriteUuid(output, topic.Id);
            WriteCompactString(output, topic.Name);
            WriteInt32(output, topic.PartitionCount);
            WriteArrayLength(output, 0); // racks of partitions, no longer used by Kafka either
            WriteNoTags(output);
        }

        WriteNoTags(output);
    }

    private static void WriteMember(IBufferWriter<byte> output, MemberMetadata member)
    {
        WriteInt16(output, 0);
        WriteCompactString(output, member.InstanceId);
        WriteCompactString(output, member.RackId);
        WriteCompactString(output, member.ClientId);
        WriteCompactString(output, member.ClientHost);
        WriteArrayLength(output, member.SubscribedTopics.Count);
        foreach (var topic in member.SubscribedTopics) WriteCompactString(output, topic);
        WriteCompactString(output, member.SubscribedPattern);
        WriteInt32(output, member.RebalanceTimeoutMs);
        WriteCompactString(output, member.Assignor);
        WriteNoTags(output);
    }

    private static void WriteCurrent(IBufferWriter<byte> output, CurrentAssignment current)
    {
        WriteInt16(output, 0);
        WriteInt32(output, current.Epoch);
        WriteInt32(output, current.PreviousEpoch);
        output.GetSpan(1)[0] = (byte)current.State;
        output.Advance(1);
        WritePartitions(output, current.Assigned);
        WritePartitions(output, current.PendingRevocation);
        WriteNoTags(output);
    }

    private static void WritePartitions(IBufferWriter<byte> output, PartitionSet partitions)
    {
        // The set is ordered by topic id, so each topic is one run.
        var topics = 0;
        for (var i = 0; i < partitions.Count; i++)
            if (i == 0 || partitions[i].TopicId != partitions[i - 1].TopicId) topics++;
        WriteArrayLength(output, topics);
        for (var from = 0; from < partitions.Count;)
        {
            var to = from + 1;
            while (to < partitions.Count && partitions[to].TopicId == partitions[from].TopicId) to++;
            WriteUuid(output, partitions[from].TopicId);
            WriteArrayLength(output, to - from);
            for (; from < to; from++) WriteInt32(output, partitions[from].Partition);
            WriteNoTags(output);
        }
    }
}
