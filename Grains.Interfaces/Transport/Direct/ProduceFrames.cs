using OrleansLog.Records;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// The frames between a producer and a leader's node. A client produces, and the node answers, in any order.
/// <code>
/// produce   5  call:4  topic:text  partition:4  acks:2  timeout ms:4  leader epoch:4  records: the rest
/// produced  6  call:4  error:2 (0)  append time:8  log start:8  leader epoch:4  leader node:4  base offsets: 8 each, to the end
/// refused   6  call:4  error:2 (Kafka's)  why:text  records that it is for: 4 each, to the end
/// </code>
/// </summary>
internal static class ProduceFrames
{
    /// <summary>All of a request but its records.</summary>
    public const int MaxHeadBytes = 1 + 4 + FrameWriter.MaxTextBytes + 4 + 2 + 4 + 4;

    /// <summary>The longest answer: of a request with as many batches as its bytes can hold.</summary>
    public const int MaxAnswerBytes = 32 * 1024 * 1024;

    private const byte Produce = 5, Produced = 6;
    private const int AnswerHeadBytes = 1 + 4 + 2 + 8 + 8 + 4 + 4;

    public static ReadOnlySpan<byte> WriteRequest(Span<byte> room, int call, TopicPartition partition, ProduceRequest request)
    {
        var writer = new FrameWriter(room);
        writer.Byte(Produce);
        writer.Int(call);
        writer.Text(partition.Topic);
        writer.Int(partition.Partition);
        writer.Short(request.Acks);
        writer.Int(request.TimeoutMs);
        writer.Int(request.CurrentLeaderEpoch);
        return writer.Written;
    }

    /// <summary>Reads a request; the records are copied into rented memory, which is the receiver's.</summary>
    /// <exception cref="InvalidDataException">It is not one.</exception>
    public static (int Call, TopicPartition Partition, ProduceRequest Request) ReadRequest(ReadOnlySpan<byte> frame)
    {
        var reader = new FrameReader(frame, Produce);
        var call = reader.Int();
        var partition = new TopicPartition(reader.Text(), reader.Int());
        var (acks, timeout, epoch) = (reader.Short(), reader.Int(), reader.Int());
        var records = RecordBytes.Rent(reader.Left);
        frame[^reader.Left..].CopyTo(records.Memory.Span);
        return (call, partition, new ProduceRequest(records, acks, timeout, epoch));
    }

    public static byte[] WriteAnswer(int call, ProduceResponse response)
    {
        var frame = new byte[AnswerHeadBytes + (response.BaseOffsets.Length * sizeof(long))];
        var writer = new FrameWriter(frame);
        writer.Byte(Produced);
        writer.Int(call);
        writer.Short(0);
        writer.Long(response.LogAppendTimeMs);
        writer.Long(response.LogStartOffset);
        writer.Int(response.LeaderEpoch);
        writer.Int(response.LeaderNode);
        foreach (var offset in response.BaseOffsets) writer.Long(offset);
        return frame;
    }

    public static byte[] WriteRefusal(int call, OrleansLogException refusal)
    {
        var writer = new FrameWriter(new byte[1 + 4 + 2 + FrameWriter.MaxTextBytes + (refusal.RefusedRecords.Count * sizeof(int))]);
        writer.Byte(Produced);
        writer.Int(call);
        writer.Short((short)refusal.Error);
        writer.Text(refusal.Message);
        foreach (var record in refusal.RefusedRecords) writer.Int(record);
        return writer.Written.ToArray();
    }

    public static (int Call, ProduceAnswer Answer) ReadAnswer(ReadOnlySpan<byte> frame)
    {
        var reader = new FrameReader(frame, Produced);
        var call = reader.Int();
        var error = (ErrorCode)reader.Short();
        if (error != ErrorCode.None) return (call, new ProduceAnswer(null, ReadRefusal(error, ref reader)));
        var (appendTime, logStart, epoch, node) = (reader.Long(), reader.Long(), reader.Int(), reader.Int());
        var offsets = new long[reader.Left / sizeof(long)];
        for (var i = 0; i < offsets.Length; i++) offsets[i] = reader.Long();
        return (call, new ProduceAnswer(new ProduceResponse(offsets, appendTime, logStart, epoch, node), null));
    }

    private static OrleansLogException ReadRefusal(ErrorCode error, ref FrameReader reader)
    {
        var why = reader.Text();
        var records = new int[reader.Left / sizeof(int)];
        for (var i = 0; i < records.Length; i++) records[i] = reader.Int();
        return new OrleansLogException(error, why) { RefusedRecords = records };
    }
}

/// <summary>What became of a request: one of both.</summary>
internal readonly record struct ProduceAnswer(ProduceResponse? Response, OrleansLogException? Refusal);
