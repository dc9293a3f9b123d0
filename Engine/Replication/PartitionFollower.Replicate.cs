using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>Truncating and appending.</summary>
public sealed partial class PartitionFollower
{
    /// <inheritdoc cref="IReplicaLink.ReplicateAsync"/>
    public async Task<ReplicateResponse> ReplicateAsync(ReplicateRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var parked = default(ParkedPush);
        try
        {
            while (true)
            {
                long heldFrom;
                lock (_gate)
                {
                    if (parked is not null) _parked.Remove(parked);
                    if (TakeInTurn(request, flushesNext: false, out heldFrom) is { } refusal) return refusal;
                    if (heldFrom < 0)
                    {
                        if (parked is not null || _parked.Count >= _options.MaxParkedRequests) return OutOfTurn();
                        _parked.Add(parked = new ParkedPush(request.BaseOffset));
                    }
                }

                if (heldFrom >= 0) return await WhenHeld(request, heldFrom, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
                await parked!.Turn.Task.WaitAsync(_options.MaxParkedTime, _time, cancellationToken).ConfigureAwait(Continuations.SuppressThrowing);
            }
        }
        catch (OrleansLogException failure)
        {
            return Failed(failure);
        }
    }

    /// <summary>
    /// The same for requests that come one after the other, in their order, on a thread of their own: none is kept back, and with
    /// <paramref name="flushesHere"/> the fsync is done by the caller's thread, if no other is about to. The records are not looked
    /// at any more when this comes back. The result is there at once, or comes when an fsync of another thread is over.
    /// </summary>
    public ValueTask<ReplicateResponse> ReplicateInTurn(ReplicateRequest request, bool flushesHere)
    {
        ArgumentNullException.ThrowIfNull(request);
        try
        {
            long heldFrom;
            lock (_gate)
            {
                if (TakeInTurn(request, flushesHere, out heldFrom) is { } refusal) return new(refusal);
                if (heldFrom < 0) return new(OutOfTurn());
            }

            if (heldFrom > 0 && (!flushesHere || !_log.TryFlushHere(heldFrom))) return new(HeldOrFailed(request, heldFrom));
            lock (_gate) return new(Refusal(request, isBegun: true) ?? Answer(ReplicaResult.Ok));
        }
        catch (OrleansLogException failure)
        {
            return new(Failed(failure));
        }
    }

    private async Task<ReplicateResponse> HeldOrFailed(ReplicateRequest request, long heldFrom)
    {
        try
        {
            return await WhenHeld(request, heldFrom, CancellationToken.None).ConfigureAwait(Continuations.StayOnContext);
        }
        catch (OrleansLogException failure)
        {
            return Failed(failure);
        }
    }

    // Under the gate. Refuses, or does what the request asks for, and says from which offset on what it brought is held; -1 when
    // requests before it are missing.
    private ReplicateResponse? TakeInTurn(ReplicateRequest request, bool flushesNext, out long heldFrom)
    {
        heldFrom = -1;
        if (Refusal(request, isBegun: false) is { } refusal) return refusal;
        var end = _log.LogEndOffset;
        // What it keeps is to count for the leader, who sends nothing more when nothing is missing.
        if (request.Alignment != ReplicaAlignment.None)
        {
            heldFrom = Align(request);
        }
        else if (request.Records.IsEmpty || request.BaseOffset < end)
        {
            if (!IsHere(request, end)) return Answer(ReplicaResult.Mismatch, $"the log ends at {end}");
            heldFrom = request.Records.IsEmpty ? 0 : EndOf(request.Records);
            Follow(request);
        }
        else if (request.BaseOffset == end)
        {
            CheckRecords(request);
            heldFrom = _log.AppendAsFollower(request.Records, flushesNext).NextOffset;
            Volatile.Write(ref _recordsAt, _time.GetTimestamp());
            Follow(request);
            ReleaseParked(heldFrom);
        }

        return null;
    }

    private ReplicateResponse OutOfTurn() => Answer(ReplicaResult.Mismatch, $"the log ends at {_log.LogEndOffset}, and nothing arrived for it");

    private ReplicateResponse Failed(OrleansLogException failure)
    {
        var isCorrupt = failure.Error == ErrorCode.CorruptMessage;
        lock (_gate) return Answer(isCorrupt ? ReplicaResult.Corrupt : ReplicaResult.Unavailable, failure.Message);
    }

    // Fsync runs while the leader's does, and while the next requests are appended.
    private async Task<ReplicateResponse> WhenHeld(ReplicateRequest request, long endOffset, CancellationToken cancellationToken)
    {
        if (endOffset > 0) await _log.WhenDurableAsync(endOffset, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
        // Another leader may have put other records there meanwhile; this one must not count them.
        lock (_gate) return Refusal(request, isBegun: true) ?? Answer(ReplicaResult.Ok);
    }

    private ReplicateResponse? Refusal(ReplicateRequest request, bool isBegun)
    {
        var epoch = LeaderEpoch;
        if (_isClosed || _log.IsClosed) return Answer(ReplicaResult.Unavailable, $"node {_nodeId} does not keep {_log.Partition} now");
        if (request.LeaderEpoch < epoch) return Answer(ReplicaResult.FencedEpoch, $"a leader of epoch {epoch} is known");
        var isInTurn = isBegun || _isAligned == (request.Alignment == ReplicaAlignment.None);
        if (request.LeaderEpoch > epoch || request.Session != _session || !isInTurn)
            return Answer(ReplicaResult.StaleSession, $"session {request.Session} is not the current one, or not in this state");
        return _log.Offline is { } failure ? Answer(ReplicaResult.Unavailable, failure.Message) : null;
    }

    private long Align(ReplicateRequest request)
    {
        var end = _log.LogEndOffset;
        if (request.Alignment == ReplicaAlignment.Restart)
        {
            _logger.LogWarning(
                "{Partition}: the log [{Start}, {End}) is given up and goes on at {Offset}, by the leader of epoch {Epoch}",
                _log.Partition, _log.LogStartOffset, end, request.BaseOffset, request.LeaderEpoch);
            _log.TruncateFullyAndStartAt(request.BaseOffset);
        }
        else if (request.BaseOffset < end)
        {
            _logger.LogInformation(
                "{Partition}: truncated from {End} to {Offset}, where the log of the leader of epoch {Epoch} differs",
                _log.Partition, end, request.BaseOffset, request.LeaderEpoch);
            _log.TruncateTo(request.BaseOffset);
        }

        _log.ForgetEmptyEpochs();
        // Whoever leads has seen to it that this replica is not in sync while it lacks anything.
        _log.MarkWhole();
        _isAligned = true;
        _highWatermark = Math.Clamp(_highWatermark, _log.LogStartOffset, _log.LogEndOffset);
        Follow(request);
        return _log.LogEndOffset;
    }

    /// <summary>Takes over what the leader says besides records.</summary>
    private void Follow(ReplicateRequest request)
    {
        var end = _log.LogEndOffset;
        _highWatermark = Math.Max(_highWatermark, Math.Min(request.HighWatermark, end));
        _log.NoteCommitted(_highWatermark);
        if (request.LogStartOffset <= _log.LogStartOffset) return;
        var start = _log.DeleteRecordsBefore(Math.Min(request.LogStartOffset, end));
        _highWatermark = Math.Max(_highWatermark, start);
    }

    // A leader's log never falls back to an older epoch, nor has it one that is still to come.
    private void CheckRecords(ReplicateRequest request)
    {
        if (RecordSeal.Of(request.Records) != request.Seal)
        {
            throw new OrleansLogException(
                ErrorCode.CorruptMessage, $"Batches of {_log.Partition} from offset {request.BaseOffset} on arrived damaged.");
        }

        var latest = _log.LatestEpoch;
        for (var rest = request.Records.Span; RecordBatchHeader.TryRead(rest, out var header); rest = rest[(int)header.SizeInBytes..])
        {
            if (header.PartitionLeaderEpoch < latest || header.PartitionLeaderEpoch > request.LeaderEpoch || header.SizeInBytes > rest.Length)
            {
                throw new OrleansLogException(
                    ErrorCode.CorruptMessage,
                    $"A batch of {_log.Partition} at offset {header.BaseOffset} claims epoch {header.PartitionLeaderEpoch} and "
                    + $"{header.SizeInBytes} bytes; the log has epoch {latest}, the leader is of epoch {request.LeaderEpoch}, "
                    + $"and {rest.Length} bytes arrived.");
            }

            latest = header.PartitionLeaderEpoch;
        }
    }

    // A request that arrives a second time: what it brings was appended in this session.
    private static bool IsHere(ReplicateRequest request, long end) => request.Records.IsEmpty || EndOf(request.Records) <= end;

    private static long EndOf(ReadOnlyMemory<byte> records)
    {
        var end = 0L;
        for (var rest = records.Span; RecordBatchHeader.TryRead(rest, out var header) && header.SizeInBytes <= rest.Length;)
        {
            end = header.NextOffset;
            rest = rest[(int)header.SizeInBytes..];
        }

        return end;
    }

    private void ReleaseParked(long endOffset)
    {
        foreach (var parked in _parked)
            if (parked.BaseOffset <= endOffset) parked.Turn.TrySetResult();
    }

    private ReplicateResponse Answer(ReplicaResult result, string? reason = null) =>
        new(result, LeaderEpoch, _log.LogEndOffset, _log.HeldEndOffset, reason);

    private sealed class ParkedPush(long baseOffset)
    {
        public long BaseOffset { get; } = baseOffset;

        public TaskCompletionSource Turn { get; } = Continuations.NewCompletion();
    }
}
