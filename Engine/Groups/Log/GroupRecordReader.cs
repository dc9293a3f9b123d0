using System.Buffers.Binary;

namespace OrleansLog.Engine.Groups.Log;

/// <summary>What became of reading a record of <c>__consumer_offsets</c>.</summary>
public enum GroupRecordStatus
{
    /// <summary>It was read.</summary>
    Read,

    /// <summary>Its key or value has a version that is not known here: written by a newer version, or of a kind (share groups,
    /// streams groups, ...) that is not served. To be skipped.</summary>
    UnknownVersion,

    /// <summary>Its bytes are not of its schema. To be skipped and reported.</summary>
    Malformed,
}

/// <summary>
/// Reads the records of <c>__consumer_offsets</c>. Nothing it is given makes it allocate more than a small multiple of the bytes
/// there are, loop, or throw.
/// </summary>
public static class GroupRecordReader
{
    /// <summary>Whether the key is of a record of the given group, whatever its kind; without allocating.</summary>
    /// <param name="key">The record's key.</param>
    /// <param name="groupIdUtf8">The group's id in UTF-8.</param>
    public static bool IsOfGroup(ReadOnlySpan<byte> key, ReadOnlySpan<byte> groupIdUtf8) =>
        key.Length >= 4 + groupIdUtf8.Length
        && BinaryPrimitives.ReadInt16BigEndian(key) is >= 0 and <= 16
        && BinaryPrimitives.ReadInt16BigEndian(key[2..]) == groupIdUtf8.Length
        && key.Slice(4, groupIdUtf8.Length).SequenceEqual(groupIdUtf8);

    /// <summary>Reads a record.</summary>
    /// <param name="key">The record's key.</param>
    /// <param name="value">The record's value.</param>
    /// <param name="hasValue">False for a tombstone.</param>
    /// <param name="topicId">The value of the header <see cref="GroupRecordWriter.TopicIdHeader"/>; empty when there is
    /// none.</param>
    /// <param name="record">The record; null unless it was read.</param>
    public static GroupRecordStatus Read(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool hasValue, ReadOnlySpan<byte> topicId, out GroupRecord? record)
    {
        record = null;
        var keyFields = new FieldReader(key);
        var version = keyFields.Int16();
        if (keyFields.Failed) return GroupRecordStatus.Malformed;
        if (version is < 0 or > 8) return GroupRecordStatus.UnknownVersion;

        var valueFields = new FieldReader(value);
        short valueVersion = 0;
        if (hasValue)
        {
            valueVersion = valueFields.Int16();
            if (valueFields.Failed) return GroupRecordStatus.Malformed;
            if (!IsKnownValueVersion(version, valueVersion)) return GroupRecordStatus.UnknownVersion;
        }

        var group = keyFields.String();
        record = version switch
        {
            0 or 1 => ReadOffset(group, ref keyFields, ref valueFields, hasValue, valueVersion, topicId),
            2 => new ClassicGroupRecord(group, hasValue ? ClassicGroupSchema.Read(ref valueFields, valueVersion) : null),
            3 => new GroupEpochRecord(group, hasValue ? valueFields.Int32() : null),
            4 => new SubscribedTopicsRecord(group, hasValue ? ReadTopics(ref valueFields) : null),
            5 => new MemberRecord(group, keyFields.String(), hasValue ? ReadMember(ref valueFields) : null),
            6 => new TargetEpochRecord(group, hasValue ? valueFields.Int32() : null),
            7 => new TargetAssignmentRecord(group, keyFields.String(), hasValue ? ReadPartitions(ref valueFields) : null),
            _ => new CurrentAssignmentRecord(group, keyFields.String(), hasValue ? ReadCurrent(ref valueFields) : null),
        };
        if (!keyFields.Failed && !valueFields.Failed) return GroupRecordStatus.Read;
        record = null;
        return GroupRecordStatus.Malformed;
    }

    private static bool IsKnownValueVersion(short keyVersion, short valueVersion) => keyVersion switch
    {
        0 or 1 => valueVersion is >= 0 and <= 4,
        2 => valueVersion is >= 0 and <= ClassicGroupSchema.MaxVersion,
        _ => valueVersion == 0,
    };

    private static OffsetRecord ReadOffset(
        string group, ref FieldReader key, ref FieldReader value, bool hasValue, short version, ReadOnlySpan<byte> topicId)
    {
        var topic = key.String();
        var partition = key.Int32();
        if (!hasValue) return new OffsetRecord(group, topic, partition, null);
        var offset = value.Int64();
        var leaderEpoch = version >= 3 ? value.Int32() : -1;
        var metadata = version >= 4 ? value.CompactString() ?? "" : value.String();
        var committed = value.Int64();
        var expires = version == 1 ? value.Int64() : -1;
        var id = topicId.Length == 16 ? new Guid(topicId, bigEndian: true) : Guid.Empty;
        return new OffsetRecord(group, topic, partition, new GroupOffset(offset, leaderEpoch, metadata, committed, expires, id));
    }

    private static List<GroupTopic> ReadTopics(ref FieldReader value)
    {
        var count = value.ArrayLength(minElementSize: 23);
        var topics = new List<GroupTopic>(count);
        for (var i = 0; i < count && !value.Failed; i++)
        {
            var topic = new GroupTopic(value.Uuid(), value.CompactString() ?? "", value.Int32());
            var racks = value.ArrayLength(minElementSize: 6);
            for (var j = 0; j < racks && !value.Failed; j++)
            {
                value.Int32();
                var names = value.ArrayLength(minElementSize: 1);
                for (var k = 0; k < names && !value.Failed; k++) value.CompactString();
                value.SkipTags();
            }

            value.SkipTags();
            topics.Add(topic);
        }

        return topics;
    }

    private static MemberMetadata ReadMember(ref FieldReader value)
    {
        var instanceId = value.CompactString();
        var rackId = value.CompactString();
        var clientId = value.CompactString() ?? "";
        var clientHost = value.CompactString() ?? "";
        var count = value.ArrayLength(minElementSize: 1);
        var topics = new List<string>(count);
        for (var i = 0; i < count && !value.Failed; i++) topics.Add(value.CompactString() ?? "");
        var pattern = value.CompactString();
        var rebalanceTimeoutMs = value.Int32();
        var assignor = value.CompactString();
        // Topic names are compared in order; a record written elsewhere may have another one.
        topics.Sort(StringComparer.Ordinal);
        return new MemberMetadata(
            instanceId, rackId, clientId, clientHost, topics, string.IsNullOrEmpty(pattern) ? null : pattern,
            rebalanceTimeoutMs, assignor);
    }

    private static CurrentAssignment ReadCurrent(ref FieldReader value)
    {
        var epoch = value.Int32();
        var previousEpoch = value.Int32();
        var state = (MemberState)value.Byte();
        if (state > MemberState.UnreleasedPartitions) state = MemberState.Unknown;
        return new CurrentAssignment(epoch, previousEpoch, state, ReadPartitions(ref value), ReadPartitions(ref value));
    }

    private static PartitionSet ReadPartitions(ref FieldReader value)
    {
        var count = value.ArrayLength(minElementSize: 18);
        var partitions = new List<TopicIdPartition>();
        for (var i = 0; i < count && !value.Failed; i++)
        {
            var topic = value.Uuid();
            var numbers = value.ArrayLength(minElementSize: 4);
            partitions.EnsureCapacity(partitions.Count + numbers);
            for (var j = 0; j < numbers; j++) partitions.Add(new TopicIdPartition(topic, value.Int32()));
            value.SkipTags();
        }

        return PartitionSet.Of(partitions);
    }
}
