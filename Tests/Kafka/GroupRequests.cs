using OrleansLog.Kafka.Apis;
using OrleansLog.Kafka.Protocol;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>The requests of group members, in any version; each response has to be read to its end.</summary>
internal static class GroupRequests
{
    public sealed record Joined(ErrorCode Error, int Generation, string Protocol, string Leader, string MemberId, string[] Members);

    public static async Task<(ErrorCode Error, int Node, int Port)> FindCoordinatorAsync(
        this KafkaPeer peer, string group, short version = 4, sbyte keyType = 0)
    {
        var response = await peer.AskAsync(ApiKey.FindCoordinator, version, version >= 3, request =>
        {
            if (version < 4) request.WriteString(group);
            if (version >= 1) request.WriteInt8(keyType);
            if (version >= 4) request.WriteArrayLength(1);
            if (version >= 4) request.WriteString(group);
            request.WriteTaggedFields();
        });
        if (version >= 1) response.Int32();
        if (version >= 4) Assert.Equal(1, response.ArrayLength());
        if (version >= 4) response.Text();
        var error = version < 4 ? response.Error() : ErrorCode.None;
        if (version is >= 1 and < 4) response.Text();
        var node = response.Int32();
        response.Text();
        var port = response.Int32();
        if (version >= 4) error = response.Error();
        if (version >= 4) response.Text();
        if (version >= 4) response.Tags();
        End(response);
        return (error, node, port);
    }

    public static async Task<Joined> JoinAsync(
        this KafkaPeer peer, string group, string memberId = "", short version = 9, string? instance = null,
        int sessionMs = 10_000, string protocol = "range", string type = "consumer")
    {
        var response = await peer.AskAsync(ApiKey.JoinGroup, version, version >= 6, request =>
        {
            request.WriteString(group);
            request.WriteInt32(sessionMs);
            if (version >= 1) request.WriteInt32(60_000);
            request.WriteString(memberId);
            if (version >= 5) request.WriteString(instance);
            request.WriteString(type);
            request.WriteArrayLength(1);
            request.WriteString(protocol);
            request.WriteBytes([0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            request.WriteTaggedFields();
            if (version >= 8) request.WriteString("because");
            request.WriteTaggedFields();
        });
        if (version >= 2) response.Int32();
        var error = response.Error();
        var generation = response.Int32();
        if (version >= 7) response.Text();
        var chosen = response.Text();
        var leader = response.Text()!;
        if (version >= 9) response.Boolean();
        var id = response.Text()!;
        var members = new string[response.ArrayLength()];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = response.Text()!;
            if (version >= 5) response.Text();
            Assert.Equal(10, response.Bytes()!.Length);
            response.Tags();
        }

        End(response);
        return new Joined(error, generation, chosen ?? "", leader, id, members);
    }

    /// <summary>Joins, with the id it is told if it has to.</summary>
    public static async Task<Joined> JoinFullyAsync(this KafkaPeer peer, string group, short version = 9)
    {
        var joined = await peer.JoinAsync(group, version: version);
        return joined.Error == ErrorCode.MemberIdRequired ? await peer.JoinAsync(group, joined.MemberId, version) : joined;
    }

    public static async Task<(ErrorCode Error, byte[] Assignment)> SyncAsync(
        this KafkaPeer peer, string group, Joined member, short version = 5, params (string Member, byte[] Assignment)[] assignments)
    {
        var response = await peer.AskAsync(ApiKey.SyncGroup, version, version >= 4, request =>
        {
            request.WriteString(group);
            request.WriteInt32(member.Generation);
            request.WriteString(member.MemberId);
            if (version >= 3) request.WriteString(null);
            if (version >= 5) request.WriteString("consumer");
            if (version >= 5) request.WriteString(member.Protocol);
            request.WriteArrayLength(assignments.Length);
            foreach (var (id, assignment) in assignments)
            {
                request.WriteString(id);
                request.WriteBytes(assignment);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
        });
        if (version >= 1) response.Int32();
        var error = response.Error();
        if (version >= 5) response.Text();
        if (version >= 5) response.Text();
        var share = response.Bytes()!;
        End(response);
        return (error, share);
    }

    public static async Task<ErrorCode> BeatAsync(this KafkaPeer peer, string group, Joined member, short version = 4)
    {
        var response = await peer.AskAsync(ApiKey.Heartbeat, version, version >= 4, request =>
        {
            request.WriteString(group);
            request.WriteInt32(member.Generation);
            request.WriteString(member.MemberId);
            if (version >= 3) request.WriteString(null);
            request.WriteTaggedFields();
        });
        if (version >= 1) response.Int32();
        var error = response.Error();
        End(response);
        return error;
    }

    public static async Task<ErrorCode> LeaveAsync(this KafkaPeer peer, string group, string member, short version = 5)
    {
        var response = await peer.AskAsync(ApiKey.LeaveGroup, version, version >= 4, request =>
        {
            request.WriteString(group);
            if (version >= 3) request.WriteArrayLength(1);
            request.WriteString(member);
            if (version >= 3) request.WriteString(null);
            if (version >= 5) request.WriteString("enough");
            if (version >= 3) request.WriteTaggedFields();
            request.WriteTaggedFields();
        });
        if (version >= 1) response.Int32();
        var error = response.Error();
        if (version >= 3 && response.ArrayLength() == 1)
        {
            response.Text();
            response.Text();
            error = response.Error();
            response.Tags();
        }

        End(response);
        return error;
    }

    public static async Task<ErrorCode> CommitAsync(
        this KafkaPeer peer, string group, string member, int generation, string topic, long offset, short version = 9)
    {
        var response = await peer.AskAsync(ApiKey.OffsetCommit, version, version >= 8, request =>
        {
            request.WriteString(group);
            request.WriteInt32(generation);
            request.WriteString(member);
            if (version >= 7) request.WriteString(null);
            if (version <= 4) request.WriteInt64(-1);
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteArrayLength(1);
            request.WriteInt32(0);
            request.WriteInt64(offset);
            if (version >= 6) request.WriteInt32(3);
            request.WriteString("note");
            request.WriteTaggedFields();
            request.WriteTaggedFields();
            request.WriteTaggedFields();
        });
        if (version >= 3) response.Int32();
        Assert.Equal(1, response.ArrayLength());
        Assert.Equal(topic, response.Text());
        Assert.Equal(1, response.ArrayLength());
        response.Int32();
        var error = response.Error();
        response.Tags();
        response.Tags();
        End(response);
        return error;
    }

    /// <summary>The offset of partition 0 of a topic, asked for by name or, with null, with all there are.</summary>
    public static async Task<(ErrorCode Error, long Offset)> FetchOffsetAsync(
        this KafkaPeer peer, string group, string? topic, short version = 9, string? member = null, int memberEpoch = -1)
    {
        var response = await peer.AskAsync(ApiKey.OffsetFetch, version, version >= 6, request =>
        {
            if (version >= 8) request.WriteArrayLength(1);
            request.WriteString(group);
            if (version >= 9) request.WriteString(member);
            if (version >= 9) request.WriteInt32(memberEpoch);
            request.WriteArrayLength(topic is null ? -1 : 1);
            if (topic is not null)
            {
                request.WriteString(topic);
                request.WriteInt32Array([0]);
                request.WriteTaggedFields();
            }

            if (version >= 8) request.WriteTaggedFields();
            if (version >= 7) request.WriteBoolean(true);
            request.WriteTaggedFields();
        });
        if (version >= 3) response.Int32();
        if (version >= 8) Assert.Equal(1, response.ArrayLength());
        if (version >= 8) response.Text();
        var (offset, error) = (-2L, ErrorCode.None);
        for (var topics = response.ArrayLength(); topics > 0; topics--)
        {
            response.Text();
            Assert.Equal(1, response.ArrayLength());
            response.Int32();
            offset = response.Int64();
            if (version >= 5) response.Int32();
            response.Text();
            error = response.Error();
            response.Tags();
            response.Tags();
        }

        if (version >= 2) error = response.Error();
        if (version >= 8) response.Tags();
        End(response);
        return (error, offset);
    }

    public static async Task<(ErrorCode Error, string State, string Type, int Members)> DescribeGroupAsync(
        this KafkaPeer peer, string group, short version = 5)
    {
        var response = await peer.AskAsync(ApiKey.DescribeGroups, version, version >= 5, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(group);
            if (version >= 3) request.WriteBoolean(true);
            request.WriteTaggedFields();
        });
        if (version >= 1) response.Int32();
        Assert.Equal(1, response.ArrayLength());
        var error = response.Error();
        Assert.Equal(group, response.Text());
        var state = response.Text()!;
        var type = response.Text()!;
        response.Text();
        var members = response.ArrayLength();
        for (var i = 0; i < members; i++)
        {
            response.Text();
            if (version >= 4) response.Text();
            Assert.Equal("peer", response.Text());
            Assert.Equal("/127.0.0.1", response.Text());
            response.Bytes();
            response.Bytes();
            response.Tags();
        }

        if (version >= 3) response.Int32();
        response.Tags();
        End(response);
        return (error, state, type, members);
    }

    public static async Task<string[]> ListGroupsAsync(this KafkaPeer peer, short version = 5, string? state = null, string? kind = null)
    {
        var response = await peer.AskAsync(ApiKey.ListGroups, version, version >= 3, request =>
        {
            if (version >= 4) WriteFilter(request, state);
            if (version >= 5) WriteFilter(request, kind);
            request.WriteTaggedFields();
        });
        if (version >= 1) response.Int32();
        Assert.Equal(ErrorCode.None, response.Error());
        var groups = new string[response.ArrayLength()];
        for (var i = 0; i < groups.Length; i++)
        {
            groups[i] = response.Text()!;
            response.Text();
            if (version >= 4) response.Text();
            if (version >= 5) response.Text();
            response.Tags();
        }

        End(response);
        return groups;
    }

    public static async Task<ErrorCode> DeleteGroupAsync(this KafkaPeer peer, string group, short version = 2)
    {
        var response = await peer.AskAsync(ApiKey.DeleteGroups, version, version >= 2, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(group);
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal(1, response.ArrayLength());
        response.Text();
        var error = response.Error();
        response.Tags();
        End(response);
        return error;
    }

    public static async Task<(ErrorCode Error, ErrorCode Partition)> DeleteOffsetAsync(this KafkaPeer peer, string group, string topic)
    {
        var response = await peer.AskAsync(ApiKey.OffsetDelete, 0, false, request =>
        {
            request.WriteString(group);
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteInt32Array([0]);
        });
        var error = response.Error();
        response.Int32();
        var partition = ErrorCode.None;
        for (var topics = response.ArrayLength(); topics > 0; topics--)
        {
            response.Text();
            Assert.Equal(1, response.ArrayLength());
            response.Int32();
            partition = response.Error();
        }

        Assert.True(response.IsAtEnd);
        return (error, partition);
    }

    public static async Task<(ErrorCode Error, string? MemberId, int Epoch, (Guid Topic, int[] Partitions)[]? Assignment)> BeatConsumerAsync(
        this KafkaPeer peer, string group, string member, int epoch, string? topic = null, string? pattern = null, short version = 1,
        (Guid Topic, int[] Partitions)? owned = null)
    {
        var isJoin = epoch == 0;
        var response = await peer.AskAsync(ApiKey.ConsumerGroupHeartbeat, version, true, request =>
        {
            request.WriteString(group);
            request.WriteString(member);
            request.WriteInt32(epoch);
            request.WriteString(null);
            request.WriteString(null);
            request.WriteInt32(isJoin ? 60_000 : -1);
            request.WriteArrayLength(topic is null ? -1 : 1);
            if (topic is not null) request.WriteString(topic);
            if (version >= 1) request.WriteString(pattern);
            request.WriteString(null);
            request.WriteArrayLength(owned is not null ? 1 : isJoin ? 0 : -1);
            if (owned is { } one)
            {
                request.WriteUuid(one.Topic);
                request.WriteInt32Array(one.Partitions);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
        });
        response.Int32();
        var error = response.Error();
        response.Text();
        var id = response.Text();
        var next = response.Int32();
        response.Int32();
        (Guid, int[])[]? assignment = null;
        if (response.Int8() >= 0)
        {
            assignment = new (Guid, int[])[response.ArrayLength()];
            for (var i = 0; i < assignment.Length; i++)
            {
                assignment[i] = (response.Uuid(), response.Int32Array());
                response.Tags();
            }

            response.Tags();
        }

        End(response);
        return (error, id, next, assignment);
    }

    public static async Task<(ErrorCode Error, string State, int Epoch, int Members)> DescribeConsumerGroupAsync(
        this KafkaPeer peer, string group, short version = 1)
    {
        var response = await peer.AskAsync(ApiKey.ConsumerGroupDescribe, version, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(group);
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal(1, response.ArrayLength());
        var error = response.Error();
        response.Text();
        Assert.Equal(group, response.Text());
        var state = response.Text()!;
        var epoch = response.Int32();
        response.Int32();
        response.Text();
        var members = response.ArrayLength();
        for (var i = 0; i < members; i++)
        {
            response.Text();
            response.Text();
            response.Text();
            response.Int32();
            response.Text();
            response.Text();
            for (var topics = response.ArrayLength(); topics > 0; topics--) response.Text();
            response.Text();
            ReadPartitions(response);
            ReadPartitions(response);
            if (version >= 1) Assert.Equal(1, response.Int8());
            response.Tags();
        }

        Assert.Equal(AuthorizedOperations.NotAsked, response.Int32());
        response.Tags();
        End(response);
        return (error, state, epoch, members);
    }

    private static void ReadPartitions(KafkaResponse response)
    {
        for (var topics = response.ArrayLength(); topics > 0; topics--)
        {
            response.Uuid();
            response.Text();
            response.Int32Array();
            response.Tags();
        }

        response.Tags();
    }

    private static void WriteFilter(KafkaWriter request, string? value)
    {
        request.WriteArrayLength(value is null ? 0 : 1);
        if (value is not null) request.WriteString(value);
    }

    private static void End(KafkaResponse response) => Assert.True(response.Tags().IsAtEnd);
}
