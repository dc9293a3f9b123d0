using OrleansLog.Kafka.Protocol;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>Requests about where replicas are; each response has to be read to its end.</summary>
internal static class TopologyRequests
{
    public sealed record Partition(ErrorCode Error, int Leader, int Epoch, int[] Replicas, int[] InSync);

    public sealed record Move(string Topic, int Partition, int[] Replicas, int[] Adding, int[] Removing);

    /// <summary>Makes a topic with nodes named for each partition.</summary>
    public static async Task<(ErrorCode Error, string? Message, int Partitions, int Replicas)> CreateAsync(
        this KafkaPeer peer, string topic, (int Partition, int[] Nodes)[] assignment, int partitions = -1, short replicas = -1, bool validateOnly = false)
    {
        var response = await peer.AskAsync(ApiKey.CreateTopics, 7, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteInt32(partitions);
            request.WriteInt16(replicas);
            request.WriteArrayLength(assignment.Length);
            foreach (var (partition, nodes) in assignment)
            {
                request.WriteInt32(partition);
                request.WriteInt32Array(nodes);
                request.WriteTaggedFields();
            }

            request.WriteArrayLength(0);
            request.WriteTaggedFields();
            request.WriteInt32(1000);
            request.WriteBoolean(validateOnly);
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal((1, topic), (response.ArrayLength(), response.Text()));
        response.Uuid();
        return (response.Error(), response.Text(), response.Int32(), response.Int16());
    }

    /// <summary>Asks for more partitions, the nodes of each new one named.</summary>
    public static async Task<(ErrorCode Error, string? Message)> ExtendAsync(this KafkaPeer peer, string topic, int count, params int[][] nodes)
    {
        var response = await peer.AskAsync(ApiKey.CreatePartitions, 3, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteInt32(count);
            request.WriteArrayLength(nodes.Length);
            foreach (var each in nodes)
            {
                request.WriteInt32Array(each);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
            request.WriteInt32(1000);
            request.WriteBoolean(false);
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal((1, topic), (response.ArrayLength(), response.Text()));
        return (response.Error(), response.Text());
    }

    /// <summary>Moves the replicas of partitions of one topic, or gives up what runs (null).</summary>
    public static async Task<(int Partition, ErrorCode Error, string? Message)[]> ReassignAsync(
        this KafkaPeer peer, string topic, (int Partition, int[]? Nodes)[] wishes, short version = 1, bool mayResize = true)
    {
        var response = await peer.AskAsync(ApiKey.AlterPartitionReassignments, version, true, request =>
        {
            request.WriteInt32(1000);
            if (version >= 1) request.WriteBoolean(mayResize);
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteArrayLength(wishes.Length);
            foreach (var (partition, nodes) in wishes)
            {
                request.WriteInt32(partition);
                if (nodes is null) request.WriteArrayLength(-1);
                else request.WriteInt32Array(nodes);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
            request.WriteTaggedFields();
        });
        response.Int32();
        if (version >= 1) Assert.Equal(mayResize, response.Boolean());
        Assert.Equal((ErrorCode.None, null), (response.Error(), response.Text()));
        Assert.Equal((1, topic), (response.ArrayLength(), response.Text()));
        var outcomes = new (int, ErrorCode, string?)[response.ArrayLength()];
        for (var i = 0; i < outcomes.Length; i++)
        {
            outcomes[i] = (response.Int32(), response.Error(), response.Text());
            response.Tags();
        }

        End(response.Tags());
        return outcomes;
    }

    /// <summary>The reassignments that run: all (null), or those of some partitions.</summary>
    public static async Task<Move[]> ListMovesAsync(this KafkaPeer peer, params (string Topic, int[] Partitions)[]? asked)
    {
        var response = await peer.AskAsync(ApiKey.ListPartitionReassignments, 0, true, request =>
        {
            request.WriteInt32(1000);
            request.WriteArrayLength(asked?.Length ?? -1);
            foreach (var (topic, partitions) in asked ?? [])
            {
                request.WriteString(topic);
                request.WriteInt32Array(partitions);
                request.WriteTaggedFields();
            }

            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal((ErrorCode.None, null), (response.Error(), response.Text()));
        var moves = new List<Move>();
        for (var topics = response.ArrayLength(); topics > 0; topics--)
        {
            var topic = response.Text()!;
            for (var partitions = response.ArrayLength(); partitions > 0; partitions--)
            {
                moves.Add(new Move(topic, response.Int32(), response.Int32Array(), response.Int32Array(), response.Int32Array()));
                response.Tags();
            }

            response.Tags();
        }

        End(response);
        return [.. moves];
    }

    /// <summary>The partitions of a topic, as DescribeTopicPartitions tells them.</summary>
    public static async Task<Partition[]> DescribeAsync(this KafkaPeer peer, string topic)
    {
        var response = await peer.AskAsync(ApiKey.DescribeTopicPartitions, 0, true, request =>
        {
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteTaggedFields();
            request.WriteInt32(100);
            request.WriteInt8(-1);
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal((1, ErrorCode.None, topic), (response.ArrayLength(), response.Error(), response.Text()));
        response.Uuid();
        response.Boolean();
        var partitions = new Partition[response.ArrayLength()];
        for (var i = 0; i < partitions.Length; i++)
        {
            var error = response.Error();
            Assert.Equal(i, response.Int32());
            partitions[i] = new Partition(error, response.Int32(), response.Int32(), response.Int32Array(), response.Int32Array());
            for (var lists = 0; lists < 3; lists++) response.Int32Array();
            response.Tags();
        }

        return partitions;
    }

    /// <summary>Has partitions of a topic led by their preferred replicas.</summary>
    public static async Task<(int Partition, ErrorCode Error)[]> ElectAsync(this KafkaPeer peer, string topic, params int[] partitions)
    {
        var response = await peer.AskAsync(ApiKey.ElectLeaders, 2, true, request =>
        {
            request.WriteInt8(0);
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteInt32Array(partitions);
            request.WriteTaggedFields();
            request.WriteInt32(1000);
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal((ErrorCode.None, 1, topic), (response.Error(), response.ArrayLength(), response.Text()));
        var results = new (int, ErrorCode)[response.ArrayLength()];
        for (var i = 0; i < results.Length; i++)
        {
            results[i] = (response.Int32(), response.Error());
            response.Text();
            response.Tags();
        }

        End(response.Tags());
        return results;
    }

    /// <summary>Where a leader epoch ends in partition 0 of a topic.</summary>
    public static async Task<(ErrorCode Error, int Epoch, long EndOffset)> FindEpochEndAsync(
        this KafkaPeer peer, string topic, int epoch, int currentEpoch = -1, short version = 4)
    {
        var response = await peer.AskAsync(ApiKey.OffsetForLeaderEpoch, version, version >= 4, request =>
        {
            if (version >= 3) request.WriteInt32(-1);
            request.WriteArrayLength(1);
            request.WriteString(topic);
            request.WriteArrayLength(1);
            request.WriteInt32(0);
            request.WriteInt32(currentEpoch);
            request.WriteInt32(epoch);
            request.WriteTaggedFields();
            request.WriteTaggedFields();
            request.WriteTaggedFields();
        });
        response.Int32();
        Assert.Equal((1, topic, 1), (response.ArrayLength(), response.Text(), response.ArrayLength()));
        var error = response.Error();
        Assert.Equal(0, response.Int32());
        var end = (error, response.Int32(), response.Int64());
        if (version >= 4) response.Tags().Tags();
        End(response);
        return end;
    }

    private static void End(KafkaResponse response) => Assert.True(response.Tags().IsAtEnd);
}
