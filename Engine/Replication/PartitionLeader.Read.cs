using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>Reading, waiting for something to read, and looking offsets up.</summary>
public sealed partial class PartitionLeader
{
    private int _waitingReads;

    /// <summary>
    /// Reads whole batches from an offset on, up to the high watermark (or last stable offset); when there are fewer than
    /// <paramref name="minBytes"/>, waits for more. When there is enough, the call completes before it returns, having read on
    /// the caller's thread; otherwise the rest runs on the thread pool. Waiting costs a timer and no thread.
    /// </summary>
    /// <param name="offset">The first offset wanted; the high watermark waits for the next record.</param>
    /// <param name="maxBytes">About how many bytes at most; one whole batch is returned however large it is.</param>
    /// <param name="minBytes">How many bytes to wait for; no more than <paramref name="maxBytes"/> counts.</param>
    /// <param name="maxWait">How long to wait for them; what there is then is returned, and be it nothing.</param>
    /// <param name="readCommitted">Whether to stop at the last stable offset.</param>
    /// <param name="currentLeaderEpoch">The epoch that the caller believes in; -1 for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="OrleansLogException">OffsetOutOfRange (naming the offset and the bounds), OffsetNotAvailable (there is
    /// nothing to read yet, and what was committed before this leader's term may not be all known), NotLeaderOrFollower,
    /// FencedLeaderEpoch, UnknownLeaderEpoch, KafkaStorageError.</exception>
    public async ValueTask<FetchOutcome> ReadAsync(
        long offset,
        int maxBytes,
        int minBytes = 1,
        TimeSpan maxWait = default,
        bool readCommitted = false,
        int currentLeaderEpoch = -1,
        CancellationToken cancellationToken = default)
    {
        CheckLeads(currentLeaderEpoch);
        maxBytes = Math.Clamp(maxBytes, 1, _options.MaxReadBytes);
        minBytes = Math.Min(minBytes, maxBytes);
        var committedBytes = _commit.CommittedBytes;
        var outcome = ReadNow(offset, maxBytes, readCommitted);
        if (outcome.Records.Length >= minBytes || maxWait <= TimeSpan.Zero) return Settled(outcome);
        if (!MayWait()) return Settled(outcome);
        try
        {
            var started = _time.GetTimestamp();
            while (true)
            {
                var missing = minBytes - outcome.Records.Length;
                outcome.Records.Dispose();
                var isOver = !await WaitForBytes(committedBytes + missing, started, maxWait, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
                CheckLeads(currentLeaderEpoch);
                committedBytes = _commit.CommittedBytes;
                outcome = ReadNow(offset, maxBytes, readCommitted);
                if (isOver || outcome.Records.Length >= minBytes) return Settled(outcome);
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waitingReads);
        }
    }

    /// <summary>Bytes committed in this leader's term: the measure for <see cref="WhenCommittedAsync"/>.</summary>
    public long CommittedBytes => _commit.CommittedBytes;

    /// <summary>
    /// Waits for more to read without reading: until <see cref="CommittedBytes"/>, looked up before the read that found too little, has
    /// grown as far. Completes early, with false, when the time is over, the leader closes or too many wait already. Costs a timer and
    /// no thread.
    /// </summary>
    /// <param name="totalBytes">What to wait for.</param>
    /// <param name="maxWait">The longest wait.</param>
    /// <param name="cancellationToken">Ends the wait with <see cref="OperationCanceledException"/>.</param>
    public async ValueTask<bool> WhenCommittedAsync(long totalBytes, TimeSpan maxWait, CancellationToken cancellationToken = default)
    {
        if (!MayWait()) return false;
        try
        {
            return await WaitForBytes(totalBytes, _time.GetTimestamp(), maxWait, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
        }
        finally
        {
            Interlocked.Decrement(ref _waitingReads);
        }
    }

    /// <summary>
    /// The first record whose timestamp is at least <paramref name="timestampMs"/> (milliseconds since the Unix epoch), or what
    /// Kafka's names stand for: -1 the high watermark (or last stable offset), -2 the log start offset, -3 the record with the
    /// greatest timestamp. Null when no committed record fits. Reads the disk.
    /// </summary>
    /// <exception cref="OrleansLogException">InvalidRequest for another negative timestamp; OffsetNotAvailable for the high
    /// watermark while it may be behind what was committed before this leader's term; NotLeaderOrFollower.</exception>
    public TimestampOffset? ListOffsets(long timestampMs, bool readCommitted = false, int currentLeaderEpoch = -1)
    {
        CheckLeads(currentLeaderEpoch);
        var end = Bound(readCommitted);
        return timestampMs switch
        {
            -1 when end < TermStartOffset => throw NotSettled(end),
            -1 => new TimestampOffset(-1, end),
            -2 => new TimestampOffset(-1, _log.LogStartOffset),
            -3 => _log.MaxTimestamp(() => Bound(readCommitted)),
            < 0 => throw new OrleansLogException(
                ErrorCode.InvalidRequest,
                $"Timestamp {timestampMs} is none: from 0, or -1 (latest), -2 (earliest), -3 (greatest timestamp)."),
            _ => _log.LookupByTimestamp(timestampMs, () => Bound(readCommitted)),
        };
    }

    /// <summary>Where the greatest epoch that is not above <paramref name="leaderEpoch"/> ends in this log.</summary>
    public EpochEnd OffsetForLeaderEpoch(int leaderEpoch, int currentLeaderEpoch = -1)
    {
        CheckLeads(currentLeaderEpoch);
        return _log.EndOffsetForEpoch(leaderEpoch);
    }

    /// <summary>
    /// Deletes the records before an offset (-1: the high watermark) and answers the new log start offset.
    /// </summary>
    /// <exception cref="OrleansLogException">OffsetOutOfRange beyond the high watermark; PolicyViolation when the topic is only
    /// compacted, where whoever replays it needs every key's last record; NotLeaderOrFollower.</exception>
    public long DeleteRecords(long beforeOffset, int currentLeaderEpoch = -1)
    {
        CheckLeads(currentLeaderEpoch);
        if (!_log.Config.IsDeleted)
        {
            throw new OrleansLogException(
                ErrorCode.PolicyViolation, $"Records of {_log.Partition} cannot be deleted: its cleanup.policy is compact.");
        }

        var end = _commit.Offset;
        if (beforeOffset == -1) beforeOffset = end;
        if (beforeOffset < 0 || beforeOffset > end)
        {
            throw new OrleansLogException(
                ErrorCode.OffsetOutOfRange,
                $"Records of {_log.Partition} before offset {beforeOffset} cannot be deleted: the offset must lie in [0, {end}], "
                + "the high watermark.");
        }

        return _log.DeleteRecordsBefore(beforeOffset);
    }

    private bool MayWait()
    {
        if (Interlocked.Increment(ref _waitingReads) <= _options.MaxWaitingReads) return true;
        Interlocked.Decrement(ref _waitingReads);
        return false;
    }

    private long Bound(bool readCommitted) => readCommitted ? LastStableOffset : HighWatermark;

    private FetchOutcome ReadNow(long offset, int maxBytes, bool readCommitted)
    {
        // The bounds are taken before the read, so that the answer never claims more than the read could see.
        var highWatermark = HighWatermark;
        var lastStableOffset = LastStableOffset;
        var start = _log.LogStartOffset;
        var end = _log.LogEndOffset;
        if (offset < start || offset > end)
        {
            throw new OrleansLogException(
                ErrorCode.OffsetOutOfRange, $"Offset {offset} of {_log.Partition} is out of range: it has [{start}, {end}].");
        }

        var bound = readCommitted ? lastStableOffset : highWatermark;
        var records = offset < bound ? ReadLog(offset, maxBytes, bound) : LogRead.Empty(offset);
        return new FetchOutcome(records, highWatermark, lastStableOffset, start, State.LeaderEpoch);
    }

    // That there is nothing more must not be said while a leader before this one may have committed, and shown, more.
    private FetchOutcome Settled(FetchOutcome outcome) =>
        outcome.Records.Length > 0 || outcome.HighWatermark >= TermStartOffset ? outcome : throw NotSettled(outcome.HighWatermark);

    private OrleansLogException NotSettled(long highWatermark) => new(
        ErrorCode.OffsetNotAvailable,
        $"The leader of {_log.Partition} is new: it knows of [..{highWatermark}) that it is committed, and not yet of [..{TermStartOffset}); retry.");

    private LogRead ReadLog(long offset, int maxBytes, long bound)
    {
        try
        {
            return _log.Read(offset, maxBytes, bound);
        }
        catch (OrleansLogException damage) when (damage.Error == ErrorCode.CorruptMessage && _isReplicated)
        {
            OnOwnDamage(damage);
            throw Volatile.Read(ref _closed)?.Renewed() ?? damage.Renewed();
        }
    }

    /// <summary>Waits until that many bytes are committed in all; false when the time is over or the leader closed.</summary>
    private async ValueTask<bool> WaitForBytes(long totalBytes, long started, TimeSpan maxWait, CancellationToken cancellationToken)
    {
        while (true)
        {
            var advance = _commit.NextAdvance();
            if (_commit.CommittedBytes >= totalBytes) return true;
            var left = maxWait - _time.GetElapsedTime(started);
            // Timers count whole milliseconds.
            if (left < TimeSpan.FromMilliseconds(1) || IsClosed) return false;
            // Expiry is the usual end of a poll of an idle partition, and no exception.
            await advance.WaitAsync(left, _time, cancellationToken).ConfigureAwait(Continuations.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
