using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;

namespace OrleansLog.Engine.Replication;

/// <summary>Appending and committing.</summary>
public sealed partial class PartitionLeader
{
    private readonly Lock _appendGate = new();
    private readonly Lock _backgroundGate = new();
    private readonly SequenceGate _gate;
    private readonly DeadlineTokens _deadlines;
    private long _appendedBytes;
    private long _backgroundTarget;
    private bool _backgroundRuns;

    /// <summary>
    /// Appends one or more whole batches and answers as <paramref name="acks"/> asks. The part up to the local append runs on
    /// the caller's thread before the call returns, unless the request has to wait for earlier ones of its idempotent producer.
    /// </summary>
    /// <param name="batches">The batches; offsets, leader epoch and (if the topic wants it) append time are written into them.
    /// The caller keeps the buffer until the answer.</param>
    /// <param name="acks">-1: answer once committed; 1: once in this log, which is committed where no other replica is in sync; 0: once
    /// in this log, the caller does not listen.</param>
    /// <param name="timeout">How long to wait for the commit; it may still come about after that.</param>
    /// <param name="currentLeaderEpoch">The epoch that the caller believes in; -1 for none.</param>
    /// <param name="flushWait">Which threads of the caller's the wait for the disk may take.</param>
    /// <param name="cancellationToken">Heeded until the batches are appended, not after.</param>
    /// <exception cref="OrleansLogException">NotLeaderOrFollower, FencedLeaderEpoch, UnknownLeaderEpoch, InvalidRequiredAcks,
    /// NotEnoughReplicas, NotEnoughReplicasAfterAppend, OutOfOrderSequenceNumber, UnknownProducerId, RequestTimedOut,
    /// KafkaStorageError, and whatever the log refuses a batch with.</exception>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<ProduceOutcome> AppendAsync(
        Memory<byte> batches,
        short acks,
        TimeSpan timeout,
        int currentLeaderEpoch = -1,
        FlushWait flushWait = FlushWait.OnPool,
        CancellationToken cancellationToken = default)
    {
        var state = CheckLeads(currentLeaderEpoch);
        if (acks is < -1 or > 1)
            throw new OrleansLogException(ErrorCode.InvalidRequiredAcks, $"acks is {acks}; it must be -1, 0 or 1.");
        if (acks == -1) CheckInSync(state, ErrorCode.NotEnoughReplicas);
        LogAppendResult result;
        try
        {
            var flushesHere = flushWait == FlushWait.Here;
            var parked = AppendOrPark(batches, flushesHere, out result);
            // The followers have it by now, and do the same.
            if (parked is null && flushesHere) _log.TryFlushHere(result.NextOffset);
            else if (parked is not null) result = await WaitForTurn(parked, timeout, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
        }
        catch (OrleansLogException known) when (known.Error == ErrorCode.DuplicateSequenceNumber && acks == -1)
        {
            // The producer takes this for success, so it must be as durable as success is.
            var end = _log.LogEndOffset;
            await CommitAsync(end, timeout).ConfigureAwait(Continuations.StayOnContext);
            CheckCommitted(end);
            throw;
        }

        // Alone in sync, this log is all there is to wait for, and a producer may count on finding what it was told is written.
        if (acks == -1 || (acks == 1 && State is { Isr.Count: 1, Eligible.Count: 0 }))
            await CommitAsync(result.NextOffset, timeout, flushWait != FlushWait.OnPool).ConfigureAwait(Continuations.StayOnContext);
        else CommitInBackground(result.NextOffset);
        if (acks == -1) CheckCommitted(result.NextOffset);
        return new ProduceOutcome(result.BaseOffsets, result.LogAppendTimeMs, _log.LogStartOffset, state.LeaderEpoch);
    }

    /// <summary>Appends, or answers with the place in the queue that the request waits in.</summary>
    private ParkedAppend? AppendOrPark(Memory<byte> batches, bool flushesNext, out LogAppendResult result)
    {
        // A header that cannot be read is the log's to refuse.
        var isSequenced = RecordBatchHeader.TryRead(batches.Span, out var first) && first.HasProducerId && first.BaseSequence >= 0;
        var before = Interlocked.Read(ref _appendedBytes);
        lock (_appendGate)
        {
            if (Volatile.Read(ref _refusal) is { } refusal) throw refusal.Renewed();
            if (isSequenced)
            {
                var known = _log.FindProducer(first.ProducerId);
                if (SequenceGate.IsAhead(first, known))
                {
                    result = default;
                    return _gate.TryPark(batches, first) ?? throw OutOfOrder(first, known);
                }
            }

            result = AppendNow(batches, flushesNext);
            if (isSequenced && !_gate.IsEmpty) ReleaseParked(first.ProducerId);
        }

        WakePushes(Interlocked.Read(ref _appendedBytes) - before);
        return null;
    }

    private LogAppendResult AppendNow(Memory<byte> batches, bool flushesNext = false)
    {
        if (Volatile.Read(ref _refusal) is { } refusal) throw refusal.Renewed();
        var result = AppendToLog(batches, flushesNext);
        if (!result.AnyAppended) return result;
        _commit.Appended(result.NextOffset, batches.Length);
        Interlocked.Add(ref _appendedBytes, batches.Length);
        return result;
    }

    private LogAppendResult AppendToLog(Memory<byte> batches, bool flushesNext)
    {
        try
        {
            return _log.AppendAsLeader(batches, State.LeaderEpoch, AppendOrigin.Client, flushesNext);
        }
        catch (OrleansLogException) when (NoteOffline())
        {
            throw;
        }
    }

    private void ReleaseParked(long producerId)
    {
        while (_gate.TakeNext(producerId, _log.FindProducer(producerId)) is { } parked)
        {
            try
            {
                parked.Done.TrySetResult(AppendNow(parked.Batches));
            }
            catch (Exception failure)
            {
                // The failure is that request's own; its caller hears of it.
                parked.Done.TrySetException(failure);
            }
        }
    }

    private async ValueTask<LogAppendResult> WaitForTurn(ParkedAppend parked, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var limit = timeout < _options.MaxParkedTime ? timeout : _options.MaxParkedTime;
        try
        {
            return await parked.Done.Task.WaitAsync(limit, _time, cancellationToken).ConfigureAwait(Continuations.StayOnContext);
        }
        catch (Exception waited) when (waited is TimeoutException or OperationCanceledException)
        {
            ProducerSummary? known;
            lock (_appendGate)
            {
                known = _log.FindProducer(parked.First.ProducerId);
                if (_gate.Remove(parked)) parked.Done.TrySetCanceled(CancellationToken.None);
            }

            if (!parked.Done.Task.IsCanceled) return await parked.Done.Task.ConfigureAwait(Continuations.StayOnContext);
            if (waited is OperationCanceledException) throw;
            throw OutOfOrder(parked.First, known);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CommitAsync(long nextOffset, TimeSpan timeout, bool goesOnAnywhere = false)
    {
        var deadline = CancellationToken.None;
        CommitWaiter? waiter = null;
        try
        {
            if (_commit.Offset < nextOffset && _log.Config.FlushesEveryAppend)
            {
                deadline = _deadlines.After(timeout);
                await _log.WaitForDurability(nextOffset, goesOnAnywhere, deadline).ConfigureAwait(Continuations.StayOnContext);
            }

            AdvanceHighWatermark();
            while (_commit.Offset < nextOffset)
            {
                if (!deadline.CanBeCanceled) deadline = _deadlines.After(timeout);
                var committed = _commit.WaitAsync(nextOffset, goesOnAnywhere, out waiter);
                if (IsHalted) break;
                await committed.WaitAsync(deadline).ConfigureAwait(Continuations.StayOnContext);
            }
        }
        catch (OrleansLogException) when (NoteOffline())
        {
            throw;
        }
        catch (Exception failure) when (failure is OperationCanceledException || ReferenceEquals(failure, _closed))
        {
            // Committed before the end came is committed.
            if (_commit.Offset < nextOffset) throw NotCommitted(nextOffset, timeout);
        }
        finally
        {
            if (waiter is not null) _commit.Leave(waiter);
        }
    }

    /// <summary>
    /// Sees to it that the records before the offset become committed though nobody waits for them. One loop per leader, and
    /// only while there is something to commit. A failure takes the log offline, which the next caller hears of.
    /// </summary>
    private void CommitInBackground(long nextOffset)
    {
        AdvanceHighWatermark();
        if (_commit.Offset >= nextOffset || !_log.Config.FlushesEveryAppend) return;
        lock (_backgroundGate)
        {
            _backgroundTarget = Math.Max(_backgroundTarget, nextOffset);
            if (_backgroundRuns) return;
            _backgroundRuns = true;
        }

        _ = RunBackgroundCommits();
    }

    private async Task RunBackgroundCommits()
    {
        var done = long.MinValue;
        try
        {
            while (true)
            {
                long target;
                lock (_backgroundGate)
                {
                    target = _backgroundTarget;
                    if (done >= target || IsClosed)
                    {
                        _backgroundRuns = false;
                        return;
                    }
                }

                await _log.WhenDurableAsync(target).ConfigureAwait(Continuations.StayOnContext);
                AdvanceHighWatermark();
                done = target;
            }
        }
        catch (Exception failure)
        {
            lock (_backgroundGate) _backgroundRuns = false;
            NoteOffline();
            _logger.LogError(failure, "Records of {Partition} could not be made durable", _log.Partition);
        }
    }

    private void CheckInSync(PartitionState state, ErrorCode error)
    {
        var needed = _log.Config.MinInsyncReplicas;
        if (state.Isr.Count < needed)
        {
            throw new OrleansLogException(
                error, $"{_log.Partition} has {state.Isr.Count} in-sync replicas, min.insync.replicas is {needed}.");
        }

        if (state.Eligible.Count > 0)
        {
            throw new OrleansLogException(
                error, $"{_log.Partition} commits nothing as long as the nodes {string.Join(", ", state.Eligible)} are eligible to lead.");
        }
    }

    private void CheckCommitted(long nextOffset)
    {
        CheckInSync(State, ErrorCode.NotEnoughReplicasAfterAppend);
        if (_commit.Offset >= nextOffset) return;
        throw new OrleansLogException(
            ErrorCode.NotEnoughReplicasAfterAppend,
            $"Records of {_log.Partition} up to offset {nextOffset - 1} were not committed while too few replicas were in sync; they may be yet.");
    }

    private OrleansLogException NotCommitted(long nextOffset, TimeSpan timeout) => Volatile.Read(ref _closed)?.Renewed()
        ?? new OrleansLogException(
            ErrorCode.RequestTimedOut,
            $"Records of {_log.Partition} up to offset {nextOffset - 1} were not committed within {timeout.TotalMilliseconds} ms; "
            + "they still may be.");

    private OrleansLogException OutOfOrder(in RecordBatchHeader first, ProducerSummary? known) => known is { } producer
        ? new OrleansLogException(
            ErrorCode.OutOfOrderSequenceNumber,
            $"Producer {first.ProducerId} (epoch {first.ProducerEpoch}) sent sequence number {first.BaseSequence} to {_log.Partition}; "
            + $"its last one there is {producer.LastSequence} (epoch {producer.Epoch}), and none in between arrived in time.")
        : new OrleansLogException(
            ErrorCode.UnknownProducerId,
            $"Producer {first.ProducerId} is not known to {_log.Partition}, so its sequence number must be 0; it is {first.BaseSequence}.");
}
