using System.Buffers;
using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

/// <summary>A coordinator with its log: every record goes through its bytes before it is kept.</summary>
internal sealed class GroupBench
{
    private readonly List<GroupTopic> _topics = [];
    private readonly Random _ids;
    private long _version;

    public GroupBench(GroupOptions? options = null, params (string Name, int Partitions)[] topics) : this(options, seed: 0, topics)
    {
    }

    public GroupBench(GroupOptions? options, int seed, params (string Name, int Partitions)[] topics)
    {
        _ids = new Random(seed);
        Options = options ?? new GroupOptions();
        foreach (var (name, partitions) in topics) _topics.Add(new GroupTopic(NewId(), name, partitions));
        Coordinator = new GroupCoordinator(GroupId, Options, Time);
        PublishTopics();
    }

    public static string GroupId => "readers";

    public GroupOptions Options { get; }

    public ManualTime Time { get; } = new();

    public GroupCoordinator Coordinator { get; private set; }

    public List<(GroupRecord Record, long TimestampMs)> Log { get; private set; } = [];

    public IReadOnlyList<GroupTopic> Topics => _topics;

    public GroupHeartbeatResult Heartbeat(GroupHeartbeat heartbeat) => Keep(Coordinator.Heartbeat(heartbeat));

    public GroupHeartbeatResult Join(string member, params string[] topics) =>
        Heartbeat(new GroupHeartbeat(member, 0) { SubscribedTopics = topics, RebalanceTimeoutMs = 60_000 });

    public GroupHeartbeatResult JoinAs(string instance, string member, string topic) => Heartbeat(
        new GroupHeartbeat(member, 0) { InstanceId = instance, SubscribedTopics = [topic], RebalanceTimeoutMs = 60_000 });

    /// <summary>A heartbeat of a member that owns the given partitions; null when it does not say.</summary>
    public GroupHeartbeatResult Beat(string member, int epoch, IReadOnlyList<TopicPartition>? owned = null) =>
        Heartbeat(new GroupHeartbeat(member, epoch) { OwnedPartitions = owned });

    public GroupHeartbeatResult Leave(string member) => Heartbeat(new GroupHeartbeat(member, -1));

    public IReadOnlyList<ErrorCode> Commit(string member, int epoch, params (TopicPartition Partition, long Offset)[] offsets) =>
        Keep(Coordinator.CommitOffsets(new GroupOffsetCommit(
            member, epoch, null, [.. offsets.Select(o => KeyValuePair.Create(o.Partition, new GroupOffset(o.Offset, -1, "", -1)))])));

    public long? Offset(TopicPartition partition) =>
        Coordinator.FetchOffsets([partition]) is [var found] ? found.Value.Offset : null;

    public IReadOnlyList<string> Tick() => Keep(Coordinator.Tick());

    public void Create(string topic, int partitions)
    {
        _topics.RemoveAll(existing => existing.Name == topic);
        _topics.Add(new GroupTopic(NewId(), topic, partitions));
        PublishTopics();
    }

    public void Extend(string topic, int partitions)
    {
        var at = _topics.FindIndex(existing => existing.Name == topic);
        _topics[at] = _topics[at] with { PartitionCount = partitions };
        PublishTopics();
    }

    public void Drop(string topic)
    {
        _topics.RemoveAll(existing => existing.Name == topic);
        PublishTopics();
    }

    public void PublishTopics() => Keep(Coordinator.UpdateTopics(new GroupTopics(++_version, _topics)));

    private Guid NewId()
    {
        var id = new byte[16];
        _ids.NextBytes(id);
        return new Guid(id);
    }

    /// <summary>Another coordinator takes office, knowing what is in the log only.</summary>
    public void Restart(bool compacted = false)
    {
        Coordinator = new GroupCoordinator(GroupId, Options, Time);
        if (compacted) Log = Compact();
        foreach (var (record, timestampMs) in Log) Coordinator.Replay(record, timestampMs);
        Coordinator.CompleteReplay();
        PublishTopics();
    }

    public T Keep<T>(GroupResult<T> result)
    {
        foreach (var record in result.Records) Log.Add((RoundTrip(record), Time.GetUtcNow().ToUnixTimeMilliseconds()));
        return result.Response;
    }

    public static GroupRecord RoundTrip(GroupRecord record)
    {
        ArrayBufferWriter<byte> key = new(), value = new();
        GroupRecordWriter.WriteKey(record, key);
        var hasValue = GroupRecordWriter.WriteValue(record, value);
        var topicId = record is OffsetRecord { Value: { } offset } ? offset.TopicId.ToByteArray(bigEndian: true) : [];
        Assert.Equal(
            GroupRecordStatus.Read,
            GroupRecordReader.Read(key.WrittenSpan, value.WrittenSpan, hasValue, topicId, out var read));
        return read!;
    }

    /// <summary>What the cleaner leaves: the last record of each key, tombstones gone.</summary>
    private List<(GroupRecord Record, long TimestampMs)> Compact()
    {
        var last = new Dictionary<string, int>();
        for (var i = 0; i < Log.Count; i++) last[Key(Log[i].Record)] = i;
        return [.. last.Values.Order().Select(i => Log[i]).Where(entry => !IsTombstone(entry.Record))];
    }

    private static string Key(GroupRecord record)
    {
        var key = new ArrayBufferWriter<byte>();
        GroupRecordWriter.WriteKey(record, key);
        return Convert.ToHexString(key.WrittenSpan);
    }

    private static bool IsTombstone(GroupRecord record) => !GroupRecordWriter.WriteValue(record, new ArrayBufferWriter<byte>());
}
