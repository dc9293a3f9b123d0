using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

public sealed partial class PartitionLog
{
    /// <summary>
    /// Appends batches as the partition's leader: judges them, writes offsets and <paramref name="leaderEpoch"/> (and the append
    /// time, where the topic keeps that) into them, and writes them to the active segment with one system call where they fit it.
    /// All or nothing: when one batch is refused, none is appended. A batch of an idempotent producer that was appended before is
    /// not appended again, and is answered with its first offset.
    /// </summary>
    /// <param name="batches">One or more whole batches; written to, and free for reuse when the call returns.</param>
    /// <param name="leaderEpoch">The leader's epoch, from 0.</param>
    /// <param name="origin">Who appends.</param>
    /// <param name="flushesNext">Whether the caller goes on with <see cref="TryFlushHere"/>, so that no other thread is woken.</param>
    /// <exception cref="OrleansLogException">The batches are refused (format, size, CRC, timestamp, key, sequence number, producer
    /// epoch), the leader epoch is older than the log's (<see cref="ErrorCode.FencedLeaderEpoch"/>), or the log is offline
    /// (<see cref="ErrorCode.KafkaStorageError"/>) or closed (<see cref="ErrorCode.NotLeaderOrFollower"/>).</exception>
    public LogAppendResult AppendAsLeader(
        Memory<byte> batches, int leaderEpoch, AppendOrigin origin = AppendOrigin.Client, bool flushesNext = false)
    {
        var config = Config;
        var nowMs = NowMs;
        ThrowIfUnusable();
        var count = Judge(batches, config, origin, nowMs);
        var baseOffsets = new long[count];
        long nextOffset;
        bool anyAppended;
        lock (_appendLock)
        {
            ThrowIfUnusable();
            if (leaderEpoch < _epochs.LatestEpoch)
            {
                throw new OrleansLogException(
                    ErrorCode.FencedLeaderEpoch,
                    $"Leader epoch {leaderEpoch} may not append to {Partition}, which has records of epoch {_epochs.LatestEpoch}.");
            }

            if (leaderEpoch < FencedEpoch)
            {
                throw new OrleansLogException(
                    ErrorCode.FencedLeaderEpoch,
                    $"Leader epoch {leaderEpoch} may not append to {Partition}, which knows of a leader of epoch {FencedEpoch}.");
            }

            var first = _logEndOffset;
            try
            {
                nextOffset = AssignOffsets(batches.Span, leaderEpoch, origin, nowMs, baseOffsets, out var endOffset);
                anyAppended = endOffset > first;
                if (anyAppended) WriteBatches(batches.Span, first, endOffset, config, nowMs);
            }
            catch
            {
                _producers.Discard();
                throw;
            }
        }

        if (anyAppended && !(flushesNext && config.FlushesEveryAppend)) ScheduleFlush(config);
        var appendTime = config.MessageTimestampType == TimestampType.LogAppendTime ? nowMs : -1;
        return new LogAppendResult(baseOffsets, nextOffset, appendTime, anyAppended);
    }

    private int Judge(Memory<byte> batches, LogConfig config, AppendOrigin origin, long nowMs)
    {
        try
        {
            return LogValidator.ValidateForLeader(batches, config, origin, nowMs);
        }
        catch (OrleansLogException fault)
        {
            throw new OrleansLogException(fault.Error, $"Refused for {Partition}: {fault.Message}", fault)
            {
                RefusedRecords = fault.RefusedRecords,
            };
        }
    }

    /// <summary>
    /// Appends batches that the leader sent, with the offsets and epochs that they carry.
    /// </summary>
    /// <param name="batches">Whole batches whose offsets begin at or after <see cref="LogEndOffset"/>.</param>
    /// <param name="flushesNext">Whether the caller goes on with <see cref="TryFlushHere"/>, so that no other thread is woken.</param>
    /// <exception cref="OrleansLogException">A batch is corrupt (<see cref="ErrorCode.CorruptMessage"/>) or overlaps the log
    /// (<see cref="ErrorCode.OffsetOutOfRange"/>); nothing is appended then. Or the log is offline or closed.</exception>
    public LogAppendResult AppendAsFollower(ReadOnlyMemory<byte> batches, bool flushesNext = false)
    {
        var config = Config;
        var nowMs = NowMs;
        ThrowIfUnusable();
        LogValidator.ValidateForFollower(batches.Span, LogEndOffset);
        var baseOffsets = new List<long>(1);
        long nextOffset;
        lock (_appendLock)
        {
            ThrowIfUnusable();
            nextOffset = _logEndOffset;
            for (var rest = batches.Span; !rest.IsEmpty;)
            {
                RecordBatchHeader.TryRead(rest, out var header);
                if (header.BaseOffset < nextOffset)
                    throw new OrleansLogException(ErrorCode.OffsetOutOfRange, $"The log of {Partition} ends at {nextOffset} already.");
                if (header.PartitionLeaderEpoch > _epochs.LatestEpoch) BeginEpoch(header.PartitionLeaderEpoch, header.BaseOffset);
                if (header.HasProducerId) _producers.Stage(header, nowMs);
                baseOffsets.Add(header.BaseOffset);
                nextOffset = header.NextOffset;
                rest = rest[(int)header.SizeInBytes..];
            }

            if (baseOffsets.Count > 0) WriteBatches(batches.Span, _logEndOffset, nextOffset, config, nowMs);
        }

        if (baseOffsets.Count > 0 && !(flushesNext && config.FlushesEveryAppend)) ScheduleFlush(config);
        return new LogAppendResult([.. baseOffsets], nextOffset, -1, baseOffsets.Count > 0);
    }

    // Answers the offset that the caller has to wait for; that of duplicates may not be durable yet either.
    private long AssignOffsets(
        Span<byte> batches, int leaderEpoch, AppendOrigin origin, long nowMs, long[] baseOffsets, out long endOffset)
    {
        var waitFor = 0L;
        endOffset = _logEndOffset;
        for (var i = 0; i < baseOffsets.Length; i++)
        {
            RecordBatchHeader.TryRead(batches, out var header);
            var isChecked = header.HasProducerId && (origin == AppendOrigin.Client || header.IsControl);
            if (isChecked && _producers.Check(header, nowMs) is { } duplicate)
            {
                baseOffsets[i] = duplicate.FirstOffset;
                waitFor = Math.Max(waitFor, duplicate.LastOffset + 1);
            }
            else
            {
                baseOffsets[i] = endOffset;
                RecordBatch.SetBaseOffset(batches, endOffset);
                RecordBatch.SetLeaderEpoch(batches, leaderEpoch);
                if (header.HasProducerId) _producers.Stage(header with { BaseOffset = endOffset }, nowMs);
                endOffset += header.LastOffsetDelta + 1L;
                waitFor = Math.Max(waitFor, endOffset);
            }

            batches = batches[(int)header.SizeInBytes..];
        }

        if (endOffset > _logEndOffset && leaderEpoch > _epochs.LatestEpoch) BeginEpoch(leaderEpoch, _logEndOffset);
        return waitFor;
    }

    private void BeginEpoch(int epoch, long startOffset) =>
        Guarded("Writing the leader epochs", () => _epochs.Assign(epoch, startOffset));

    // Batches whose offset lies before firstOffset are duplicates and are left out.
    private void WriteBatches(ReadOnlySpan<byte> batches, long firstOffset, long endOffset, LogConfig config, long nowMs)
    {
        try
        {
            var run = default(WriteRun);
            for (var at = 0; at < batches.Length;)
            {
                RecordBatchHeader.TryRead(batches[at..], out var header);
                var size = (int)header.SizeInBytes;
                var isDuplicate = header.BaseOffset < firstOffset;
                var mustRoll = !isDuplicate && MustRoll(header, run.Length, config, nowMs);
                if (isDuplicate || mustRoll) WriteRunOf(batches, ref run, config);
                if (mustRoll) Roll(header.BaseOffset, nowMs);
                if (!isDuplicate) run = run.With(at, size, header.NextOffset);
                at += size;
            }

            WriteRunOf(batches, ref run, config);
            Volatile.Write(ref _logEndOffset, endOffset);
        }
        catch (IOException failure)
        {
            throw GoOffline(StorageErrors.Wrap(failure, $"Appending to '{Active.LogPath}' failed"));
        }
    }

    private void WriteRunOf(ReadOnlySpan<byte> batches, ref WriteRun run, LogConfig config)
    {
        if (run.Length == 0) return;
        var segment = Active;
        var bytes = batches.Slice(run.Start, run.Length);
        segment.Write(bytes, Volatile.Read(ref _hasSmallFlushes) ? _zeroAheadBytes : 0);
        var position = segment.SizeInBytes;
        while (!bytes.IsEmpty)
        {
            RecordBatchHeader.TryRead(bytes, out var header);
            segment.Note(header, position, config.IndexIntervalBytes);
            position += (int)header.SizeInBytes;
            bytes = bytes[(int)header.SizeInBytes..];
        }

        _producers.Commit(run.NextOffset);
        segment.Publish(position);
        Volatile.Write(ref _appendedBytes, _appendedBytes + run.Length);
        run = default;
    }

    private readonly record struct WriteRun(int Start, int Length, long NextOffset)
    {
        public WriteRun With(int at, int size, long nextOffset) => new(Length == 0 ? at : Start, Length + size, nextOffset);
    }
}
