using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Sends the batches of one partition to its leader, several at once, and judges the answers.
/// <para>
/// Idempotence: batches are numbered per partition under the producer's id and an epoch of this partition's own. A batch whose
/// fate is not known is repeated unchanged until the leader has said what became of it, or the delivery timeout is over. A
/// batch that failed leaves a gap in the numbers; then nothing new is sent until all that was sent before has come to its end,
/// and numbering starts anew under the next epoch, which also locks out whatever of the old is still on its way.
/// </para>
/// </summary>
internal sealed class PartitionSender
{
    private const int QuickRetries = 10;

    private readonly ProducerCore _core;
    private readonly TopicProducer _topic;
    private readonly IPartitionGrain _leader;
    private readonly Task _loop;
    private long _producerId = -1;
    // Where it is led, as its last answer said; -1 when that is not known.
    private int _leaderNode = -1;
    private short _epoch;
    private int _nextSequence;
    // Why the last attempt of any batch failed, so that a batch that waits for its turn until its time is over can say so.
    private Exception? _lastFailure;
    // What was last refused with words, which say more than that a later attempt was cut short by the end of the batch's time.
    private OrleansLogException? _lastRefusal;

    public PartitionSender(ProducerCore core, TopicProducer topic, int partition)
    {
        _core = core;
        _topic = topic;
        var id = new TopicPartition(topic.Name, partition);
        _leader = core.Context.Grains.GetPartition(id);
        Queue = new PartitionQueue(id, core.Settings, core.Memory, core.Builders, core.Context.Time)
        {
            MaxMessageBytes = topic.MaxMessageBytes,
        };
        _loop = BackgroundTask.Run(RunAsync);
    }

    public PartitionQueue Queue { get; }

    /// <summary>Ends when the queue was closed and all of its batches have come to their end.</summary>
    public Task Completion => _loop;

    private ProducerSettings Settings => _core.Settings;

    private TimeProvider Time => _core.Context.Time;

    private async Task RunAsync()
    {
        var expired = new List<ProducerBatch>();
        while (!Queue.IsFinished)
        {
            if (Settings.Idempotent && _producerId < 0 && !Queue.IsEmpty && !await TryGetIdentityAsync().ConfigureAwait(false))
            {
                await Task.Delay(Settings.RetryBackoffMax, Time, CancellationToken.None).ConfigureAwait(false);
            }

            var ready = !Settings.Idempotent || _producerId >= 0;
            var batch = Queue.Take(ready, expired, out var wait, out var restart);
            foreach (var old in expired) Expire(old);
            expired.Clear();
            if (restart) StartNewEpoch();
            else if (batch is not null) _ = StampAndSendAsync(batch); // owned by the queue: it counts as in flight until its end
            else if (ready || Queue.IsEmpty) await Queue.Signal.WaitAsync(wait).ConfigureAwait(false);
        }

        Queue.Dispose();
    }

    private async Task<bool> TryGetIdentityAsync()
    {
        try
        {
            _producerId = await _core.GetProducerIdAsync().ConfigureAwait(false);
            return true;
        }
        catch (Exception exception)
        {
            NoteFailure(exception);
            _core.Log.LogWarning(exception, "No producer id for {Partition}; trying again", Queue.Partition);
            return false;
        }
    }

    private void StartNewEpoch()
    {
        if (_epoch == short.MaxValue)
        {
            _core.ForgetProducerId(_producerId);
            _producerId = -1;
            _epoch = 0;
        }
        else
        {
            _epoch++;
        }

        _nextSequence = 0;
        Queue.Restarted();
        if (_core.Log.IsEnabled(LogLevel.Information))
            _core.Log.LogInformation("Numbering of {Partition} starts anew under producer epoch {Epoch}", Queue.Partition, _epoch);
    }

    // Never throws: whatever goes wrong becomes the batch's failure.
    private async Task StampAndSendAsync(ProducerBatch batch)
    {
        try
        {
            if (batch.NeedsStamp)
            {
                var count = batch.Builder.RecordCount;
                if (Settings.Idempotent) batch.Stamp(_producerId, _epoch, _nextSequence);
                else batch.Stamp(-1, -1, -1);
                _nextSequence = (int)(((long)_nextSequence + count) & int.MaxValue);
            }

            await SendAsync(batch).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Fail(batch, exception);
        }
    }

    private async Task SendAsync(ProducerBatch batch)
    {
        var started = Time.GetTimestamp();
        var left = Settings.DeliveryTimeout - Time.GetElapsedTime(batch.CreatedAt, started);
        var patience = left < Settings.RequestTimeout ? left : Settings.RequestTimeout;
        if (patience < TimeSpan.FromMilliseconds(1)) patience = TimeSpan.FromMilliseconds(1);
        batch.Attempts++;
        try
        {
            // The leader gives up a little earlier, so that its word is heard.
            var leaderPatienceMs = (int)Math.Max(1, patience.TotalMilliseconds * 0.9);
            var request = new ProduceRequest(RecordBytes.Borrow(batch.Bytes), (short)Settings.Acks, leaderPatienceMs);
            var response = await _core.Context.AnswerTo(() => ProduceAsync(request)).WaitAsync(patience, Time).ConfigureAwait(false);
            Volatile.Write(ref _leaderNode, response.LeaderNode);
            var offset = response.BaseOffsets.Length > 0 ? response.BaseOffsets[0] : -1;
            Volatile.Write(ref _lastFailure, null);
            Volatile.Write(ref _lastRefusal, null);
            End(batch);
            batch.Delivery.Succeed(offset, response.LogAppendTimeMs);
            Queue.Done(batch);
        }
        catch (Exception exception)
        {
            await JudgeAsync(batch, started, exception).ConfigureAwait(false);
        }
    }

    // Straight to the node that leads, or, where that is not known or not to be reached, to the partition's grain, which is found wherever
    // it is.
    private Task<ProduceResponse> ProduceAsync(ProduceRequest request)
    {
        var node = Volatile.Read(ref _leaderNode);
        return node >= 0 && _core.Context.Direct?.Find(node) is { } direct
            ? direct.ProduceAsync(Queue.Partition, request)
            : _leader.Produce(request);
    }

    private async Task JudgeAsync(ProducerBatch batch, long started, Exception exception)
    {
        NoteFailure(exception);
        Volatile.Write(ref _leaderNode, -1);
        var error = (exception as OrleansLogException)?.Error;
        if (error == ErrorCode.DuplicateSequenceNumber)
        {
            // Stored by an attempt so long ago that its offset is forgotten.
            End(batch);
            batch.Delivery.Succeed(-1, -1);
            Queue.Done(batch);
            return;
        }

        var failure = CallRetry.Classify(exception);
        if (failure == CallFailure.Ambiguous)
            batch.AmbiguousUntil = started + 2 * Queue.Ticks(Settings.RequestTimeout);

        if (Settings.Idempotent && error is ErrorCode.OutOfOrderSequenceNumber or ErrorCode.UnknownProducerId
                or ErrorCode.InvalidProducerEpoch)
        {
            ResendInOrder(batch, exception);
            return;
        }

        if (error is ErrorCode.UnknownTopicOrPartition or ErrorCode.UnknownTopicId or ErrorCode.InconsistentTopicId
            && await _topic.IsGoneAsync(Queue.Partition.Partition).ConfigureAwait(false))
        {
            failure = CallFailure.Fatal;
        }

        if (error == ErrorCode.RecordTooLarge) _topic.Refresh(); // so that the next batches fit
        if (failure == CallFailure.Fatal) Fail(batch, exception);
        else if (IsExpired(batch)) Fail(batch, TimedOut(batch, exception));
        else Queue.Retry(batch, Backoff(batch));
    }

    // The leader does not take the batch because of its number. If it was sent behind another, it may only have come too early;
    // otherwise the numbers have a gap, or the leader has forgotten the producer, and the batch needs a new one. That is safe
    // only when no attempt without an answer can still store the batch under the old one.
    private void ResendInOrder(ProducerBatch batch, Exception exception)
    {
        if (IsExpired(batch))
        {
            Fail(batch, TimedOut(batch, exception));
            return;
        }

        if (!batch.WasFirst || Time.GetTimestamp() < batch.AmbiguousUntil)
        {
            Queue.Retry(batch, Backoff(batch));
            return;
        }

        Queue.SetAside(batch);
    }

    private bool IsExpired(ProducerBatch batch) => Time.GetElapsedTime(batch.CreatedAt) >= Settings.DeliveryTimeout;

    private void Expire(ProducerBatch batch) => Fail(batch, TimedOut(batch, Volatile.Read(ref _lastFailure)));

    // What the leader refused to the last is refused, and not merely late; unless an attempt before may have gone through.
    private OrleansLogException TimedOut(ProducerBatch batch, Exception? last) => new(
        batch.AmbiguousUntil == 0 && last is OrleansLogException refused && CallRetry.Classify(refused) != CallFailure.Ambiguous
            ? refused.Error
            : ErrorCode.RequestTimedOut,
        $"A batch of {batch.Builder.RecordCount} records for {Queue.Partition} was not acknowledged within " +
        $"{Settings.DeliveryTimeout.TotalMilliseconds:0} ms (DeliveryTimeoutMs) after {batch.Attempts} attempts" +
        (batch.AmbiguousUntil != 0 ? "; it may be stored all the same." : ".") +
        (last is null ? "" : $" The last attempt failed with: {last.Message}") +
        (Volatile.Read(ref _lastRefusal) is { } said && !ReferenceEquals(said, last)
            ? $" Before it, one was refused with {said.Error}: {said.Message}"
            : ""),
        last);

    private void NoteFailure(Exception exception)
    {
        Volatile.Write(ref _lastFailure, exception);
        if (exception is OrleansLogException refused && CallRetry.Classify(refused) != CallFailure.Ambiguous)
            Volatile.Write(ref _lastRefusal, refused);
    }

    // A leader that is gone has a successor within a fraction of a second: the first retries keep the first pause.
    private TimeSpan Backoff(ProducerBatch batch)
    {
        var factor = Math.Pow(2, Math.Clamp(batch.Attempts - QuickRetries, 0, 16)) * (0.8 + Random.Shared.NextDouble() * 0.4);
        var pause = Settings.RetryBackoff * factor;
        return pause < Settings.RetryBackoffMax ? pause : Settings.RetryBackoffMax;
    }

    private void Fail(ProducerBatch batch, Exception exception)
    {
        if (batch.IsStamped) Queue.RequireRestart();
        batch.Delivery.Fail(exception);
        End(batch);
        Queue.Done(batch);
    }

    private void End(ProducerBatch batch)
    {
        // A buffer that an unanswered attempt may still be reading is left to the garbage collector.
        if (!batch.MayStillBeRead) _core.Builders.Return(batch.Builder);
        _core.Memory.Release(batch.ReservedBytes);
        batch.ReservedBytes = 0;
    }
}
