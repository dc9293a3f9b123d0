using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Judges what is sent to a log, before the log is locked: format, size, CRC, timestamps, keys. Records themselves are decoded only
/// for a compacted topic. Where the leader sets the time, it is written into the batches here. Stateless.
/// </summary>
internal static class LogValidator
{
    /// <summary>Judges batches for an append by the leader; answers how many there are.</summary>
    /// <exception cref="OrleansLogException">With the code for what is wrong; nothing is appended then.</exception>
    public static int ValidateForLeader(Memory<byte> batches, LogConfig config, AppendOrigin origin, long nowMs)
    {
        var count = 0;
        for (var rest = batches; !rest.IsEmpty; count++)
        {
            var header = RecordBatch.Validate(rest.Span, config.MaxMessageBytes, fromProducer: origin == AppendOrigin.Client);
            var batch = rest[..(int)header.SizeInBytes];
            if (header.IsControl && origin == AppendOrigin.Client)
                throw new OrleansLogException(ErrorCode.InvalidRecord, "A client may not append control batches.");
            if (header.SizeInBytes > config.SegmentBytes)
            {
                throw new OrleansLogException(
                    ErrorCode.RecordListTooLarge,
                    $"The batch has {header.SizeInBytes} bytes; segment.bytes is {config.SegmentBytes}, and a batch must fit a segment.");
            }

            if (config.IsCompacted && !header.IsControl) RecordBatch.ValidateRecords(batch, requireKeys: true);
            if (config.MessageTimestampType == TimestampType.LogAppendTime) RecordBatch.SetLogAppendTime(batch.Span, nowMs);
            else CheckTimes(header, config, nowMs);
            rest = rest[(int)header.SizeInBytes..];
        }

        if (count == 0) throw new OrleansLogException(ErrorCode.InvalidRequest, "There is no batch to append.");
        return count;
    }

    /// <summary>Judges batches that a leader sent: whole, CRCs right, offsets rising from <paramref name="nextOffset"/> on.</summary>
    public static void ValidateForFollower(ReadOnlySpan<byte> batches, long nextOffset)
    {
        while (!batches.IsEmpty)
        {
            var header = RecordBatch.Validate(batches);
            if (header.BaseOffset < nextOffset)
            {
                throw new OrleansLogException(
                    ErrorCode.OffsetOutOfRange,
                    $"The leader's batch begins at offset {header.BaseOffset}, but the log has all before {nextOffset} already.");
            }

            nextOffset = header.NextOffset;
            batches = batches[(int)header.SizeInBytes..];
        }
    }

    private static void CheckTimes(in RecordBatchHeader header, LogConfig config, long nowMs)
    {
        if (header.TimestampType == TimestampType.LogAppendTime)
            throw new OrleansLogException(ErrorCode.InvalidTimestamp, "The batch claims a log append time; the topic keeps create times.");
        // Of a batch's times the header tells the first and the greatest; they bound what the index and retention see.
        if (header.MaxTimestamp >= 0 && header.MaxTimestamp - nowMs > config.MessageTimestampAfterMaxMs)
            throw OutOfBounds(header.MaxTimestamp, "after", "message.timestamp.after.max.ms", config.MessageTimestampAfterMaxMs, nowMs);
        if (header.BaseTimestamp >= 0 && nowMs - header.BaseTimestamp > config.MessageTimestampBeforeMaxMs)
            throw OutOfBounds(header.BaseTimestamp, "before", "message.timestamp.before.max.ms", config.MessageTimestampBeforeMaxMs, nowMs);
    }

    private static OrleansLogException OutOfBounds(long timestampMs, string side, string name, long boundMs, long nowMs) => new(
        ErrorCode.InvalidTimestamp,
        $"The timestamp {timestampMs} lies more than {name} = {boundMs} ms {side} the leader's time {nowMs}.");
}
