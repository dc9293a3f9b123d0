using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Records;

namespace OrleansLog.Grains.Replicas.Direct;

/// <summary>
/// The frames between a leader's node and a follower's. A leader pushes, and the follower answers, in any order.
/// <code>
/// push    3  call:4  topic:text  partition:4  leader epoch:4  session:8  alignment:1  base offset:8  seal:8
///            high watermark:8  log start:8  records: the rest
/// answer  4  call:4  result:1  leaving:1  leader epoch:4  log end:8  durable end:8  reason:text
/// </code>
/// </summary>
internal static class ReplicaFrames
{
    /// <summary>All of a push but its records.</summary>
    public const int MaxHeadBytes = 1 + 4 + FrameWriter.MaxTextBytes + 4 + 4 + 8 + 1 + (4 * 8);

    /// <summary>The longest answer.</summary>
    public const int MaxAnswerBytes = 1 + 4 + 2 + 4 + (2 * 8) + FrameWriter.MaxTextBytes;

    private const byte Push = 3, Answer = 4;

    /// <summary>Writes all of a push but its records.</summary>
    public static ReadOnlySpan<byte> WritePush(Span<byte> room, int call, TopicPartition partition, ReplicateRequest request)
    {
        var writer = new FrameWriter(room);
        writer.Byte(Push);
        writer.Int(call);
        writer.Text(partition.Topic);
        writer.Int(partition.Partition);
        writer.Int(request.LeaderEpoch);
        writer.Long(request.Session);
        writer.Byte((byte)request.Alignment);
        writer.Long(request.BaseOffset);
        writer.Long(request.Seal);
        writer.Long(request.HighWatermark);
        writer.Long(request.LogStartOffset);
        return writer.Written;
    }

    /// <summary>Reads a push; its records are the frame's memory.</summary>
    /// <exception cref="InvalidDataException">It is not one.</exception>
    public static (int Call, TopicPartition Partition, ReplicateRequest Request) ReadPush(ReadOnlyMemory<byte> frame)
    {
        var reader = new FrameReader(frame.Span, Push);
        var call = reader.Int();
        var partition = new TopicPartition(reader.Text(), reader.Int());
        var (epoch, session, alignment) = (reader.Int(), reader.Long(), reader.Byte());
        var (baseOffset, seal, highWatermark, logStart) = (reader.Long(), reader.Long(), reader.Long(), reader.Long());
        if (alignment > (byte)ReplicaAlignment.Restart) throw new InvalidDataException($"There is no alignment {alignment}.");
        return (call, partition, new ReplicateRequest(
            epoch, session, (ReplicaAlignment)alignment, baseOffset, frame[^reader.Left..], seal, highWatermark, logStart));
    }

    public static ReadOnlySpan<byte> WriteAnswer(Span<byte> room, int call, ReplicateResponse response)
    {
        var writer = new FrameWriter(room);
        writer.Byte(Answer);
        writer.Int(call);
        writer.Byte((byte)response.Result);
        writer.Byte(response.IsLeaving ? (byte)1 : (byte)0);
        writer.Int(response.LeaderEpoch);
        writer.Long(response.LogEndOffset);
        writer.Long(response.DurableEndOffset);
        writer.Text(response.Reason ?? "");
        return writer.Written;
    }

    /// <exception cref="InvalidDataException">It is not an answer.</exception>
    public static (int Call, ReplicateResponse Response) ReadAnswer(ReadOnlySpan<byte> frame)
    {
        var reader = new FrameReader(frame, Answer);
        var call = reader.Int();
        var (result, isLeaving) = ((ReplicaResult)reader.Byte(), reader.Byte() != 0);
        var (epoch, end, durable, reason) = (reader.Int(), reader.Long(), reader.Long(), reader.Text());
        return (call, new ReplicateResponse(result, epoch, end, durable, reason.Length == 0 ? null : reason, isLeaving));
    }
}
