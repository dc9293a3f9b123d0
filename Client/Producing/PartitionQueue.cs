using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// The records of one partition on their way: gathered into an open batch, waiting as full ones, in flight, or to be sent
/// again. It decides what is sent next and keeps the order; it does no I/O. Thread-safe: many append, one sender takes.
/// <para>
/// A batch gets its place in the order when it is sent first, and keeps it: what is to be sent again goes before everything
/// that was not sent yet, and alone, so that the leader sees the order even when it has lost what it had put aside.
/// </para>
/// </summary>
internal sealed class PartitionQueue(
    TopicPartition partition, ProducerSettings settings, BufferMemory memory, RecordBatchBuilders builders, TimeProvider time)
    : IDisposable
{
    /// <summary>Bytes of the budget that a new batch takes; it takes as much again whenever it has filled what it has.</summary>
    public const int FirstReservation = 16 * 1024;

    /// <summary>How long a stream of records that nobody waits for is gathered when nothing is in flight.</summary>
    private static readonly TimeSpan StreamGathering = TimeSpan.FromMilliseconds(2);

    /// <summary>Records are a stream when more than this part of a batch came while the last request was in flight.</summary>
    private const int StreamFraction = 64;

    /// <summary>In so many requests, and no more, may small batches follow each other without waiting for the answers.</summary>
    private const int SmallInFlight = 2;

    private readonly Lock _gate = new();
    private readonly Queue<ProducerBatch> _ready = new();
    private readonly List<ProducerBatch> _retries = [];
    private readonly List<ProducerBatch> _inFlight = [];
    private readonly List<ProducerBatch> _setAside = [];
    private readonly AsyncSignal _signal = new(time);
    private ProducerBatch? _open;
    private long _nextOrdinal = 1;
    private long _retryAt;
    private int _wakeAtBytes;
    private bool _wakeOnReady = true;
    private bool _mustRestart;
    private bool _closed;

    /// <summary>What woke the sender, or is to.</summary>
    public AsyncSignal Signal => _signal;

    public TopicPartition Partition => partition;

    /// <summary>The most bytes of a batch, and of a batch with a single record; follows the topic's configuration.</summary>
    public int MaxMessageBytes { get; set; } = int.MaxValue;

    /// <summary>
    /// Appends a record to the open batch. False when that needs a new batch and there is no memory for it: then
    /// <paramref name="reserved"/> bytes must be reserved and the call repeated.
    /// </summary>
    /// <remarks>
    /// <paramref name="reserved"/> are bytes that the caller has reserved for a new batch; they are taken over when it comes back
    /// as 0. <paramref name="full"/> says that a batch has been filled. <paramref name="awaited"/>: the caller is about to wait for
    /// the delivery; if the batch can go now, it goes within this call.
    /// </remarks>
    public bool TryAppend(
        long timestampMs,
        ReadOnlySpan<byte> key,
        bool hasKey,
        ReadOnlySpan<byte> value,
        bool hasValue,
        IReadOnlyList<RecordHeader>? headers,
        bool awaited,
        ref int reserved,
        out PendingDelivery delivery,
        out bool full)
    {
        var wake = false;
        full = false;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_closed, typeof(Producer<,>));
            var batch = _open;
            if (batch is not null && !batch.Builder.TryAppend(timestampMs, key, hasKey, value, hasValue, headers))
            {
                full = true;
                wake = SealOpen();
                batch = null;
            }

            if (batch is null && !TryOpen(timestampMs, key, hasKey, value, hasValue, headers, ref reserved, out batch))
            {
                delivery = default;
                if (wake) _signal.Set();
                return false;
            }

            var size = batch!.Builder.EstimatedSizeInBytes;
            if (size > batch.ReservedBytes) wake |= Grow(batch, size);
            if (awaited && !batch.Delivery.IsAwaited)
            {
                // Not to be put off any longer.
                batch.Delivery.MarkAwaited();
                wake = true;
            }

            if (size >= _wakeAtBytes)
            {
                _wakeAtBytes = int.MaxValue;
                wake = true;
            }

            delivery = new PendingDelivery(batch.Delivery, batch.Builder.RecordCount - 1, timestampMs);
        }

        if (wake) _signal.Set(inline: awaited);
        return true;
    }

    /// <summary>Closes the open batch, so that it is sent without waiting for more.</summary>
    public void Seal()
    {
        bool wake;
        lock (_gate) wake = SealOpen();
        if (wake) _signal.Set();
    }

    /// <summary>Closes the open batch and adds all batches that are not delivered yet to <paramref name="pending"/>.</summary>
    public void Flush(List<Task> pending)
    {
        lock (_gate)
        {
            SealOpen();
            foreach (var batch in _inFlight.Concat(_retries).Concat(_setAside).Concat(_ready)) pending.Add(batch.Delivery.Completion);
        }

        _signal.Set();
    }

    /// <summary>Refuses further records; what is there is still to be sent.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            SealOpen();
        }

        _signal.Set();
    }

    /// <summary>Whether there is nothing left to do, now and ever.</summary>
    public bool IsFinished
    {
        get
        {
            lock (_gate) return _closed && IsEmptyCore;
        }
    }

    public bool IsEmpty
    {
        get
        {
            lock (_gate) return IsEmptyCore;
        }
    }

    private bool IsEmptyCore =>
        _open is null && _ready.Count + _retries.Count + _setAside.Count + _inFlight.Count == 0;

    /// <summary>
    /// Takes the batch to be sent now; null when there is none, and then <paramref name="wait"/> says after what time there may
    /// be one without a signal. <paramref name="restart"/> is set when everything sent under the old sequence numbers has come
    /// to its end and numbering starts anew (<see cref="Restarted"/>). Batches whose delivery timeout is over are moved to
    /// <paramref name="expired"/>; unless <paramref name="ready"/>, nothing else is done.
    /// </summary>
    public ProducerBatch? Take(bool ready, List<ProducerBatch> expired, out TimeSpan wait, out bool restart)
    {
        restart = false;
        lock (_gate)
        {
            var now = time.GetTimestamp();
            TakeExpired(now, expired);
            var due = long.MaxValue;
            var batch = ready ? Next(now, out due, out restart) : null;
            if (batch is not null)
            {
                if (!batch.IsStamped) batch.Ordinal = _nextOrdinal++;
                InsertInOrder(_inFlight, batch);
                batch.WasFirst = ReferenceEquals(_inFlight[0], batch);
            }

            wait = batch is null ? WaitFor(now, due) : TimeSpan.Zero;
            return batch;
        }
    }

    /// <summary>Notes that a batch was delivered, or has failed for good.</summary>
    public void Done(ProducerBatch batch)
    {
        lock (_gate) _inFlight.Remove(batch);
        _signal.Set();
    }

    /// <summary>Notes that a batch is to be sent again after a while, under the same sequence number.</summary>
    public void Retry(ProducerBatch batch, TimeSpan backoff)
    {
        lock (_gate)
        {
            _inFlight.Remove(batch);
            InsertInOrder(_retries, batch);
            _retryAt = time.GetTimestamp() + Ticks(backoff);
        }

        _signal.Set();
    }

    /// <summary>Notes that a batch was surely not stored and is to be sent under a new sequence number, once
    /// <see cref="Restarted"/>.</summary>
    public void SetAside(ProducerBatch batch)
    {
        lock (_gate)
        {
            _inFlight.Remove(batch);
            InsertInOrder(_setAside, batch);
            _mustRestart = true;
        }

        _signal.Set();
    }

    /// <summary>Notes that the sequence numbers given out have a gap: no further ones follow until <see cref="Restarted"/>.</summary>
    public void RequireRestart()
    {
        lock (_gate) _mustRestart = true;
        _signal.Set();
    }

    /// <summary>Notes that a new numbering has begun.</summary>
    public void Restarted()
    {
        lock (_gate)
        {
            _mustRestart = false;
            foreach (var batch in _setAside) batch.ClearStamp();
        }
    }

    public long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);

    public void Dispose() => _signal.Dispose();

    private ProducerBatch? Next(long now, out long due, out bool restart)
    {
        due = long.MaxValue;
        restart = false;
        _wakeAtBytes = int.MaxValue;
        _wakeOnReady = false;
        if (_retries.Count > 0)
        {
            if (now < _retryAt)
            {
                due = _retryAt;
                return null;
            }

            return _inFlight.Count == 0 || _retries[0].Ordinal < _inFlight[0].Ordinal ? Pop(_retries) : null;
        }

        if (_mustRestart)
        {
            restart = _inFlight.Count == 0;
            return null;
        }

        // The leader remembers as many batches as may be in flight: a batch must not be sent while one so far before it may come
        // to be repeated.
        if (_inFlight.Count > 0 && _nextOrdinal - _inFlight[0].Ordinal >= settings.MaxInFlight) return null;
        if (_setAside.Count > 0) return Pop(_setAside);
        if (_ready.TryDequeue(out var ready)) return ready;
        _wakeOnReady = true;
        return TakeOpen(now, out due);
    }

    // The open batch goes when it has waited long enough, or, without linger, when it is full enough for how much is in flight:
    // under load requests grow instead of becoming many. With nothing in flight it goes at once, unless it is the part of a
    // stream that nobody waits for: that is gathered for a moment, or requests would be as small as the leader is quick. A few
    // records that somebody waits for do not wait for those before them.
    private ProducerBatch? TakeOpen(long now, out long due)
    {
        due = long.MaxValue;
        var enough = settings.Linger > TimeSpan.Zero ? int.MaxValue
            : _inFlight.Count is > 0 and < SmallInFlight && _open is not null && IsSmallAndAwaited(_open) ? 0
            : _inFlight.Count > 0 ? Math.Max(settings.BatchSize / 2, settings.BatchSize / settings.MaxInFlight * _inFlight.Count)
            : _open is not null && IsStream(_open) ? settings.BatchSize / 2 : 0;
        if (_open is null)
        {
            // A first record must be seen at once, be it only to know until when it may wait.
            _wakeAtBytes = settings.Linger > TimeSpan.Zero ? 0 : enough;
            return null;
        }

        if (settings.Linger > TimeSpan.Zero) due = _open.CreatedAt + Ticks(settings.Linger);
        else if (_inFlight.Count == 0) due = _open.CreatedAt + Ticks(StreamGathering);
        if (now < due && _open.Builder.EstimatedSizeInBytes < enough)
        {
            _wakeAtBytes = enough;
            return null;
        }

        var batch = _open;
        _open = null;
        return batch;
    }

    private bool IsStream(ProducerBatch batch) => !batch.Delivery.IsAwaited && !IsSmall(batch);

    private bool IsSmallAndAwaited(ProducerBatch batch) => batch.Delivery.IsAwaited && IsSmall(batch);

    private bool IsSmall(ProducerBatch batch) => batch.Builder.EstimatedSizeInBytes <= settings.BatchSize / StreamFraction;

    private bool TryOpen(
        long timestampMs, ReadOnlySpan<byte> key, bool hasKey, ReadOnlySpan<byte> value, bool hasValue,
        IReadOnlyList<RecordHeader>? headers, ref int reserved, out ProducerBatch? batch)
    {
        batch = null;
        if (reserved == 0)
        {
            if (!memory.TryReserve(FirstReservation)) return false;
            reserved = FirstReservation;
        }

        var builder = builders.Rent(
            Math.Clamp(settings.BatchSize, RecordBatchHeader.Size, Math.Max(MaxMessageBytes, RecordBatchHeader.Size)),
            Math.Clamp(settings.MaxRequestSize, RecordBatchHeader.Size, Math.Max(MaxMessageBytes, RecordBatchHeader.Size)));
        try
        {
            builder.TryAppend(timestampMs, key, hasKey, value, hasValue, headers);
        }
        catch (Exception exception)
        {
            builders.Return(builder);
            memory.Release(reserved);
            reserved = 0;
            if (exception is OrleansLogException { Error: ErrorCode.RecordTooLarge } tooLarge) throw TooLarge(tooLarge);
            throw;
        }

        _open = batch = new ProducerBatch(partition, builder, time.GetTimestamp(), _signal.Set) { ReservedBytes = reserved };
        reserved = 0;
        return true;
    }

    private OrleansLogException TooLarge(OrleansLogException exception)
    {
        var bound = MaxMessageBytes <= settings.MaxRequestSize
            ? $"max.message.bytes of the topic '{partition.Topic}' is {MaxMessageBytes}"
            : $"MaxRequestSize of this producer is {settings.MaxRequestSize}";
        return new OrleansLogException(exception.Error, $"{exception.Message} The {bound}.", exception);
    }

    // What the batch holds is doubled, as its buffer is. Without memory for that it takes no more records.
    private bool Grow(ProducerBatch batch, int size)
    {
        var more = Math.Max(size, Math.Min(batch.ReservedBytes * 2, settings.BatchSize)) - batch.ReservedBytes;
        var wake = false;
        if (!memory.TryReserve(more))
        {
            more = size - batch.ReservedBytes;
            memory.Overdraw(more);
            wake = SealOpen();
        }

        batch.ReservedBytes += more;
        return wake;
    }

    private bool SealOpen()
    {
        if (_open is null) return false;
        _ready.Enqueue(_open);
        _open = null;
        return _wakeOnReady;
    }

    private void TakeExpired(long now, List<ProducerBatch> expired)
    {
        var createdBefore = now - Ticks(settings.DeliveryTimeout);
        while (_retries.Count > 0 && _retries[0].CreatedAt <= createdBefore) expired.Add(Pop(_retries));
        while (_setAside.Count > 0 && _setAside[0].CreatedAt <= createdBefore) expired.Add(Pop(_setAside));
        while (_ready.TryPeek(out var first) && first.CreatedAt <= createdBefore) expired.Add(_ready.Dequeue());
        if (_open is not null && _open.CreatedAt <= createdBefore)
        {
            expired.Add(_open);
            _open = null;
        }

        if (expired.Exists(static batch => batch.IsStamped)) _mustRestart = true;
    }

    private TimeSpan WaitFor(long now, long due)
    {
        var oldest = long.MaxValue;
        if (_retries.Count > 0) oldest = Math.Min(oldest, _retries[0].CreatedAt);
        if (_setAside.Count > 0) oldest = Math.Min(oldest, _setAside[0].CreatedAt);
        if (_ready.TryPeek(out var first)) oldest = Math.Min(oldest, first.CreatedAt);
        if (_open is not null) oldest = Math.Min(oldest, _open.CreatedAt);
        if (oldest != long.MaxValue) due = Math.Min(due, oldest + Ticks(settings.DeliveryTimeout));
        if (due == long.MaxValue) return Timeout.InfiniteTimeSpan;
        // Timers count milliseconds and may come early by a part of one.
        return TimeSpan.FromMilliseconds(Math.Ceiling(Math.Max(0, time.GetElapsedTime(now, due).TotalMilliseconds)) + 1);
    }

    private static ProducerBatch Pop(List<ProducerBatch> batches)
    {
        var first = batches[0];
        batches.RemoveAt(0);
        return first;
    }

    private static void InsertInOrder(List<ProducerBatch> batches, ProducerBatch batch)
    {
        var at = batches.Count;
        while (at > 0 && batches[at - 1].Ordinal > batch.Ordinal) at--;
        batches.Insert(at, batch);
    }
}
