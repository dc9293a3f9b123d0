using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Grains.Replicas.Direct;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Direct;

/// <summary>The frames as bytes.</summary>
public sealed class DirectFramesTests
{
    private static readonly TopicPartition s_partition = new(new string('t', 249), 31);

    [Fact]
    public void A_push_and_its_answer_come_back_as_they_were()
    {
        byte[] records = [1, 2, 3];
        var request = new ReplicateRequest(7, long.MaxValue, ReplicaAlignment.Restart, 12, records, -5, 11, 3);
        var (call, partition, read) = ReplicaFrames.ReadPush(Push(request));
        Assert.Equal((-9, s_partition), (call, partition));
        Assert.Equal(request with { Records = default }, read with { Records = default });
        Assert.Equal(records, read.Records.ToArray());

        var response = new ReplicateResponse(ReplicaResult.Corrupt, 8, 100, 90, "why", IsLeaving: true);
        Assert.Equal((3, response), ReplicaFrames.ReadAnswer(Answer(3, response)));
        response = response with { Reason = null, IsLeaving = false };
        Assert.Equal((4, response), ReplicaFrames.ReadAnswer(Answer(4, response)));
    }

    [Fact]
    public void A_reason_that_is_too_long_is_cut()
    {
        var response = new ReplicateResponse(ReplicaResult.Mismatch, 8, 1, 1, new string('€', 5000));
        var read = ReplicaFrames.ReadAnswer(Answer(1, response)).Response;
        Assert.StartsWith("€€€", read.Reason, StringComparison.Ordinal);
        Assert.InRange(read.Reason!.Length, 300, 400);
    }

    [Fact]
    public void A_request_its_answer_and_its_refusal_come_back_as_they_were()
    {
        var request = new ProduceRequest(RecordBytes.Borrow(new byte[] { 5, 6 }), -1, 30_000, 4);
        var (call, partition, read) = ProduceFrames.ReadRequest(Request(request));
        Assert.Equal((77, s_partition), (call, partition));
        Assert.Equal((request.Acks, request.TimeoutMs, request.CurrentLeaderEpoch), (read.Acks, read.TimeoutMs, read.CurrentLeaderEpoch));
        Assert.Equal([5, 6], read.Records.Memory.ToArray());

        var response = new ProduceResponse([1, long.MaxValue, -1], -1, 5, 6, 2);
        var answer = ProduceFrames.ReadAnswer(ProduceFrames.WriteAnswer(1, response)).Answer.Response!;
        Assert.Equal(response.BaseOffsets, answer.BaseOffsets);
        Assert.Equal(
            (response.LogAppendTimeMs, response.LogStartOffset, response.LeaderEpoch, response.LeaderNode),
            (answer.LogAppendTimeMs, answer.LogStartOffset, answer.LeaderEpoch, answer.LeaderNode));

        var refusal = ProduceFrames.ReadAnswer(ProduceFrames.WriteRefusal(
            2, new OrleansLogException(ErrorCode.InvalidRecord, "two of them") { RefusedRecords = [3, 8] })).Answer.Refusal!;
        Assert.Equal((ErrorCode.InvalidRecord, "two of them"), (refusal.Error, refusal.Message));
        Assert.Equal([3, 8], refusal.RefusedRecords);
    }

    [Fact]
    public void A_greeting_and_its_answer_come_back_as_they_were()
    {
        var greeting = new DirectGreeting(1, DirectRole.Producer, "cluster", "service");
        Assert.Equal(greeting, DirectGreeting.Read(greeting.ToFrame()));
        Assert.Equal("", DirectGreeting.ReadAnswer(DirectGreeting.Answer("")));
        Assert.Equal("no", DirectGreeting.ReadAnswer(DirectGreeting.Answer("no")));
    }

    [Fact]
    public void What_is_cut_short_or_changed_is_refused_or_read_and_nothing_else_happens()
    {
        byte[][] frames =
        [
            Push(new ReplicateRequest(7, 1, ReplicaAlignment.None, 12, new byte[] { 1, 2, 3 }, -5, 11, 3)),
            Answer(3, new ReplicateResponse(ReplicaResult.Ok, 8, 100, 90, "why")),
            Request(new ProduceRequest(RecordBytes.Borrow(new byte[] { 5, 6 }), -1, 30_000)),
            ProduceFrames.WriteAnswer(1, new ProduceResponse([1, 2], -1, 5, 6)),
            ProduceFrames.WriteRefusal(2, new OrleansLogException(ErrorCode.InvalidRecord, "why") { RefusedRecords = [3] }),
            new DirectGreeting(1, DirectRole.Producer, "cluster", "service").ToFrame(),
            DirectGreeting.Answer("why"),
        ];
        Action<byte[]>[] readers =
        [
            static bytes => ReplicaFrames.ReadPush(bytes), static bytes => ReplicaFrames.ReadAnswer(bytes),
            static bytes => ProduceFrames.ReadRequest(bytes), static bytes => ProduceFrames.ReadAnswer(bytes),
            static bytes => ProduceFrames.ReadAnswer(bytes), static bytes => DirectGreeting.Read(bytes), static bytes => DirectGreeting.ReadAnswer(bytes),
        ];
        var random = new Random(11);
        var refused = 0;
        for (var i = 0; i < frames.Length; i++)
        {
            for (var length = 0; length < frames[i].Length; length++) refused += Refuses(readers[i], frames[i][..length]);
            for (var round = 0; round < 3000; round++)
            {
                var changed = (byte[])frames[i].Clone();
                for (var n = random.Next(1, 5); n > 0; n--) changed[random.Next(changed.Length)] = (byte)random.Next(256);
                refused += Refuses(readers[i], changed);
            }
        }

        Assert.True(refused > 1000);
    }

    private static int Refuses(Action<byte[]> reader, byte[] bytes)
    {
        try
        {
            reader(bytes);
            return 0;
        }
        catch (InvalidDataException)
        {
            return 1;
        }
    }

    private static byte[] Push(ReplicateRequest request) =>
        [.. ReplicaFrames.WritePush(new byte[ReplicaFrames.MaxHeadBytes], -9, s_partition, request), .. request.Records.Span];

    private static byte[] Answer(int call, ReplicateResponse response) =>
        ReplicaFrames.WriteAnswer(new byte[ReplicaFrames.MaxAnswerBytes], call, response).ToArray();

    private static byte[] Request(ProduceRequest request) =>
        [.. ProduceFrames.WriteRequest(new byte[ProduceFrames.MaxHeadBytes], 77, s_partition, request), .. request.Records.Memory.Span];
}
