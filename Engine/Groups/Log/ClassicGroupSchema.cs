using System.Buffers;
using static OrleansLog.Engine.Groups.Log.FieldWriter;

namespace OrleansLog.Engine.Groups.Log;

/// <summary>The value of Kafka's record of a classic group (GroupMetadata): written in version 3, which every Kafka since 2.3
/// reads, and read in all versions there are.</summary>
internal static class ClassicGroupSchema
{
    /// <summary>The highest version that is read: 4 is 3 in the flexible encoding.</summary>
    public const short MaxVersion = 4;

    private const short WrittenVersion = 3;

    /// <summary>Writes the value with its version.</summary>
    public static void Write(IBufferWriter<byte> output, ClassicGroupValue group)
    {
        WriteInt16(output, WrittenVersion);
        WriteString(output, group.ProtocolType);
        WriteInt32(output, group.Generation);
        WriteNullableString(output, group.Protocol);
        WriteNullableString(output, group.LeaderId);
        WriteInt64(output, group.StateTimestampMs);
        WriteInt32(output, group.Members.Count);
        foreach (var member in group.Members)
        {
            WriteString(output, member.MemberId);
            WriteNullableString(output, member.InstanceId);
            WriteString(output, member.ClientId);
            WriteString(output, member.ClientHost);
            WriteInt32(output, member.RebalanceTimeoutMs);
            WriteInt32(output, member.SessionTimeoutMs);
            WriteBytes(output, member.Subscription);
            WriteBytes(output, member.Assignment);
        }
    }

    /// <summary>Reads the value after its version.</summary>
    public static ClassicGroupValue Read(ref FieldReader value, short version)
    {
        var flexible = version >= 4;
        var protocolType = flexible ? value.CompactString() ?? "" : value.String();
        var generation = value.Int32();
        var protocol = flexible ? value.CompactString() : value.NullableString();
        var leader = flexible ? value.CompactString() : value.NullableString();
        var timestampMs = version >= 2 ? value.Int64() : -1;
        var count = flexible ? value.ArrayLength(minElementSize: 15) : value.OldArrayLength(minElementSize: 18);
        var members = new List<ClassicMemberValue>(count);
        for (var i = 0; i < count && !value.Failed; i++) members.Add(ReadMember(ref value, version, flexible));
        return new ClassicGroupValue(protocolType, generation, protocol, leader, timestampMs, members);
    }

    private static ClassicMemberValue ReadMember(ref FieldReader value, short version, bool flexible)
    {
        var id = flexible ? value.CompactString() ?? "" : value.String();
        var instance = version < 3 ? null : flexible ? value.CompactString() : value.NullableString();
        var clientId = flexible ? value.CompactString() ?? "" : value.String();
        var clientHost = flexible ? value.CompactString() ?? "" : value.String();
        var rebalanceTimeoutMs = version >= 1 ? value.Int32() : -1;
        var sessionTimeoutMs = value.Int32();
        var subscription = flexible ? value.CompactBytes() : value.Bytes();
        var assignment = flexible ? value.CompactBytes() : value.Bytes();
        if (flexible) value.SkipTags();
        // Before there was a timeout of its own, the session's served for both.
        return new ClassicMemberValue(
            id, instance, clientId, clientHost, rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
            sessionTimeoutMs, subscription, assignment);
    }
}
