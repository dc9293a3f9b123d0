using System.Buffers;
using System.Text;
using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class GroupRecordTests
{
    private static readonly Guid Topic = Guid.Parse("00112233-4455-6677-8899-aabbccddeeff");

    private const string TopicHex = "00112233445566778899AABBCCDDEEFF";

    public static TheoryData<GroupRecord, string, string?> Samples => new()
    {
        {
            new OffsetRecord("g", "logs", 7, new GroupOffset(258, 5, "me", 1000)),
            "0001" + "000167" + "00046C6F6773" + "00000007",
            "0003" + "0000000000000102" + "00000005" + "00026D65" + "00000000000003E8"
        },
        {
            new OffsetRecord("g", "logs", 7, new GroupOffset(258, -1, "", 1000, 2000)),
            "0001" + "000167" + "00046C6F6773" + "00000007",
            "0001" + "0000000000000102" + "0000" + "00000000000003E8" + "00000000000007D0"
        },
        { new OffsetRecord("g", "logs", 7, null), "0001" + "000167" + "00046C6F6773" + "00000007", null },
        { new ClassicGroupRecord("g", null), "0002" + "000167", null },
        {
            new ClassicGroupRecord("g", new ClassicGroupValue("consumer", 7, "range", "m", 1000,
                [new ClassicMemberValue("m", "i", "c", "/h", 60000, 10000, [1, 2], [3])])),
            "0002" + "000167",
            "0003" + "0008636F6E73756D6572" + "00000007" + "000572616E6765" + "00016D" + "00000000000003E8" + "00000001"
            + "00016D" + "000169" + "000163" + "00022F68" + "0000EA60" + "00002710" + "00000002" + "0102" + "00000001" + "03"
        },
        {
            new ClassicGroupRecord("g", new ClassicGroupValue("consumer", 8, null, null, 1000, [])),
            "0002" + "000167",
            "0003" + "0008636F6E73756D6572" + "00000008" + "FFFF" + "FFFF" + "00000000000003E8" + "00000000"
        },
        { new GroupEpochRecord("g", 9), "0003" + "000167", "0000" + "00000009" + "00" },
        { new GroupEpochRecord("g", null), "0003" + "000167", null },
        {
            new SubscribedTopicsRecord("g", [new GroupTopic(Topic, "logs", 3)]),
            "0004" + "000167",
            "0000" + "02" + TopicHex + "056C6F6773" + "00000003" + "01" + "00" + "00"
        },
        {
            new MemberRecord("g", "m", new MemberMetadata("i", null, "c", "", ["logs"], null, 60000, "range")),
            "0005" + "000167" + "00016D",
            "0000" + "0269" + "00" + "0263" + "01" + "02056C6F6773" + "00" + "0000EA60" + "0672616E6765" + "00"
        },
        { new TargetEpochRecord("g", 9), "0006" + "000167", "0000" + "00000009" + "00" },
        {
            new TargetAssignmentRecord("g", "m", PartitionSet.Of([new(Topic, 1), new(Topic, 0)])),
            "0007" + "000167" + "00016D",
            "0000" + "02" + TopicHex + "03" + "00000000" + "00000001" + "00" + "00"
        },
        {
            new CurrentAssignmentRecord("g", "m", new CurrentAssignment(
                9, 8, MemberState.UnrevokedPartitions, PartitionSet.Of([new(Topic, 1)]), PartitionSet.Empty)),
            "0008" + "000167" + "00016D",
            "0000" + "00000009" + "00000008" + "01" + "02" + TopicHex + "02" + "00000001" + "00" + "01" + "00"
        },
    };

    [Theory]
    [MemberData(nameof(Samples))]
    public void Records_have_the_bytes_of_Kafkas_schemas(GroupRecord record, string key, string? value)
    {
        ArrayBufferWriter<byte> keyBytes = new(), valueBytes = new();
        GroupRecordWriter.WriteKey(record, keyBytes);
        var hasValue = GroupRecordWriter.WriteValue(record, valueBytes);

        Assert.Equal(key, Convert.ToHexString(keyBytes.WrittenSpan));
        Assert.Equal(value, hasValue ? Convert.ToHexString(valueBytes.WrittenSpan) : null);
        Assert.True(GroupRecordReader.IsOfGroup(keyBytes.WrittenSpan, "g"u8));
        Assert.False(GroupRecordReader.IsOfGroup(keyBytes.WrittenSpan, "gr"u8));
        Assert.False(GroupRecordReader.IsOfGroup(keyBytes.WrittenSpan, "h"u8));
        Assert.Equal(
            GroupRecordStatus.Read,
            GroupRecordReader.Read(keyBytes.WrittenSpan, valueBytes.WrittenSpan, hasValue, [], out var read));
        if (record is SubscribedTopicsRecord topics) Assert.Equal(topics.Topics, ((SubscribedTopicsRecord)read!).Topics);
        else if (record is ClassicGroupRecord { Value: not null }) Assert.Equivalent(record, read, strict: true);
        else Assert.Equal(record, read);
    }

    [Theory]
    [InlineData("0000" + "0008636F6E73756D6572" + "00000007" + "000572616E6765" + "00016D" + "00000001"
        + "00016D" + "000163" + "00022F68" + "00002710" + "00000002" + "0102" + "00000001" + "03")]
    [InlineData("0004" + "09636F6E73756D6572" + "00000007" + "0672616E6765" + "026D" + "00000000000003E8" + "02"
        + "026D" + "00" + "0263" + "032F68" + "00002710" + "00002710" + "03" + "0102" + "02" + "03" + "00" + "00")]
    public void Other_versions_of_a_classic_group_are_read_too(string value)
    {
        var status = GroupRecordReader.Read(
            Convert.FromHexString("0002" + "000167"), Convert.FromHexString(value), true, [], out var record);

        Assert.Equal(GroupRecordStatus.Read, status);
        var group = Assert.IsType<ClassicGroupRecord>(record).Value!;
        Assert.Equal(("consumer", 7, "range", "m"), (group.ProtocolType, group.Generation, group.Protocol, group.LeaderId));
        var member = Assert.Single(group.Members);
        Assert.Equal(("m", null, "c", "/h", 10000, 10000),
            (member.MemberId, member.InstanceId, member.ClientId, member.ClientHost, member.SessionTimeoutMs, member.RebalanceTimeoutMs));
        Assert.Equal([1, 2], member.Subscription);
        Assert.Equal([3], member.Assignment);
    }

    [Theory]
    [InlineData("0000" + "0000000000000102" + "00026D65" + "00000000000003E8")] // before leader epochs
    [InlineData("0004" + "0000000000000102" + "00000005" + "036D65" + "00000000000003E8" + "00")] // flexible
    [InlineData("0004" + "0000000000000102" + "00000005" + "036D65" + "00000000000003E8" + "01" + "0002" + "ABCD")] // with a tag
    public void Other_versions_of_an_offset_are_read_too(string value)
    {
        var status = GroupRecordReader.Read(
            Convert.FromHexString("0001" + "000167" + "00046C6F6773" + "00000007"),
            Convert.FromHexString(value), true, [], out var record);

        Assert.Equal(GroupRecordStatus.Read, status);
        var offset = Assert.IsType<OffsetRecord>(record).Value!;
        Assert.Equal((258, "me", 1000), (offset.Offset, offset.Metadata, offset.CommitTimestampMs));
    }

    [Fact]
    public void A_kind_or_version_that_is_not_known_is_told_from_damage()
    {
        static GroupRecordStatus Read(string key, string value) => GroupRecordReader.Read(
            Convert.FromHexString(key), Convert.FromHexString(value), true, [], out _);

        Assert.Equal(GroupRecordStatus.UnknownVersion, Read("0010" + "000167" + "00016D", "0000"));
        Assert.Equal(GroupRecordStatus.UnknownVersion, Read("0003" + "000167", "0001" + "00000009" + "00"));
        Assert.Equal(GroupRecordStatus.Malformed, Read("0003" + "000967", "0000" + "00000009" + "00"));
        Assert.Equal(GroupRecordStatus.Malformed, Read("0003" + "000167", "0000" + "0000"));
        Assert.Equal(GroupRecordStatus.Malformed, Read("", ""));
        Assert.Equal(GroupRecordStatus.Malformed, Read("0007" + "000167" + "00016D", "0000" + "FFFFFFFF0F"));
    }

    [Fact]
    public void No_bytes_make_the_reader_throw_or_allocate_beyond_them()
    {
        var random = new Random(1);
        var samples = Samples.Select(row =>
        {
            ArrayBufferWriter<byte> key = new(), value = new();
            GroupRecordWriter.WriteKey((GroupRecord)row[0], key);
            GroupRecordWriter.WriteValue((GroupRecord)row[0], value);
            return (Key: key.WrittenSpan.ToArray(), Value: value.WrittenSpan.ToArray());
        }).ToList();
        var before = GC.GetAllocatedBytesForCurrentThread();
        const int rounds = 200_000;
        for (var round = 0; round < rounds; round++)
        {
            var (key, value) = samples[random.Next(samples.Count)];
            key = Mutate(key, random);
            value = Mutate(value, random);
            GroupRecordReader.Read(key, value, random.Next(10) > 0, [], out _);
        }

        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / rounds, 0, 2000);
    }

    [Theory]
    [InlineData("abc", 50, 4)] // "abc".hashCode() is 96354
    [InlineData("polygenelubricants", 50, 0)] // hashes to the least int
    [InlineData("", 7, 0)]
    [InlineData("hello", 50, 22)] // "hello".hashCode() is 99162322
    public void A_group_is_kept_in_the_partition_that_Kafka_would_choose(string group, int partitions, int expected) =>
        Assert.Equal(expected, GroupPartitioner.PartitionFor(group, partitions));

    [Fact]
    public void A_string_that_no_key_can_hold_is_refused() => Assert.ThrowsAny<Exception>(() => GroupRecordWriter.WriteKey(
        new OffsetRecord("g", new string('x', 40_000), 0, null), new ArrayBufferWriter<byte>()));

    [Fact]
    public void Names_outside_of_ascii_survive() => Assert.Equal(
        new OffsetRecord("größe", "logs", 0, null), GroupBench.RoundTrip(new OffsetRecord("größe", "logs", 0, null)));

    [Fact]
    public void The_topic_id_of_an_offset_travels_as_a_header()
    {
        var record = new OffsetRecord("g", "logs", 0, new GroupOffset(1, -1, "", 5, TopicId: Topic));
        Assert.Equal(record, GroupBench.RoundTrip(record));
        Assert.True(Encoding.UTF8.GetByteCount(GroupRecordWriter.TopicIdHeader) < 16);
    }

    private static byte[] Mutate(byte[] source, Random random)
    {
        var copy = source.ToArray();
        for (var i = random.Next(4); i > 0 && copy.Length > 0; i--) copy[random.Next(copy.Length)] = (byte)random.Next(256);
        return random.Next(4) == 0 ? copy[..random.Next(copy.Length + 1)] : copy;
    }
}
