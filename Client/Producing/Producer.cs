using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Produces records: gathers them in batches, a partition at a time, and sends these to the partitions' leaders. Thread-safe.
/// Records of one partition are stored in the order in which the calls that buffered them completed. Disposing of it sends what
/// is buffered, for as long as <see cref="ProducerOptions{TKey,TValue}.DeliveryTimeoutMs"/> allows.
/// </summary>
public sealed class Producer<TKey, TValue> : IAsyncDisposable
{
    private readonly ProducerCore _core;
    private readonly RecordSerializer<TKey> _keySerializer;
    private readonly RecordSerializer<TValue> _valueSerializer;
    private readonly Partitioner _partitioner;
    private readonly RecordClock _clock;
    private TopicProducer? _lastTopic;

    internal Producer(ClientContext context, ProducerOptions<TKey, TValue> options)
    {
        options = options.Checked();
        _keySerializer = options.KeySerializer ?? Serializers.For<TKey>(context.Services);
        _valueSerializer = options.ValueSerializer ?? Serializers.For<TValue>(context.Services);
        _partitioner = options.Partitioner ?? Partitioner.Default;
        _clock = new RecordClock(context.Time);
        _core = new ProducerCore(context, ProducerSettings.From(options));
    }

    /// <summary>Produces a record; completes when it is acknowledged, with its place.</summary>
    /// <exception cref="OrleansLogException">Why it was not stored; with RequestTimedOut it may be stored all the same.</exception>
    public ValueTask<RecordMetadata> ProduceAsync(
        in ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        TryEnqueue(record, awaited: true, out var delivery) && !cancellationToken.CanBeCanceled
            ? delivery.AsValueTask()
            : ProduceSlowAsync(record, delivery, cancellationToken);

    /// <summary>Produces a record; completes when it is acknowledged, with its place.</summary>
    /// <exception cref="OrleansLogException">Why it was not stored; with RequestTimedOut it may be stored all the same.</exception>
    public ValueTask<RecordMetadata> ProduceAsync(
        string topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        ProduceAsync(new ProducerRecord<TKey, TValue>(topic, key, value), cancellationToken);

    /// <summary>
    /// Buffers a record; completes when there is room for it in <see cref="ProducerOptions{TKey,TValue}.BufferMemory"/>, with a
    /// handle of its delivery.
    /// </summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition, RecordTooLarge, InvalidTimestamp; RequestTimedOut: no room
    /// within <see cref="ProducerOptions{TKey,TValue}.MaxBlockMs"/>. The record is not buffered.</exception>
    public ValueTask<PendingDelivery> EnqueueAsync(
        in ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        TryEnqueue(record, out var delivery)
            ? new ValueTask<PendingDelivery>(delivery)
            : EnqueueSlowAsync(record, cancellationToken);

    /// <summary>Buffers a record, as <see cref="EnqueueAsync(in ProducerRecord{TKey,TValue},CancellationToken)"/> does.</summary>
    public ValueTask<PendingDelivery> EnqueueAsync(
        string topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        EnqueueAsync(new ProducerRecord<TKey, TValue>(topic, key, value), cancellationToken);

    /// <summary>
    /// Buffers a record if that needs no waiting. False when there is no room at present, or when the topic is not known to this
    /// producer yet: then <see cref="EnqueueAsync(in ProducerRecord{TKey,TValue},CancellationToken)"/> is to be called.
    /// </summary>
    /// <exception cref="OrleansLogException">UnknownTopicOrPartition, RecordTooLarge, InvalidTimestamp.</exception>
    public bool TryEnqueue(in ProducerRecord<TKey, TValue> record, out PendingDelivery delivery) =>
        TryEnqueue(record, awaited: false, out delivery);

    private bool TryEnqueue(in ProducerRecord<TKey, TValue> record, bool awaited, out PendingDelivery delivery)
    {
        var topic = _lastTopic;
        if (topic is null || !ReferenceEquals(topic.Name, record.Topic) || topic.PartitionCount == 0)
        {
            ArgumentNullException.ThrowIfNull(record.Topic);
            topic = _core.FindTopic(record.Topic);
            if (topic is null)
            {
                delivery = default;
                return false;
            }

            if (ReferenceEquals(topic.Name, record.Topic)) _lastTopic = topic;
        }

        var reserved = 0;
        return TryAppend(topic, record, awaited, ref reserved, out delivery);
    }

    /// <summary>
    /// Sends everything that was buffered before the call, and completes when all of it is delivered or has failed. It does not
    /// throw for a failed record: the record's own delivery says so.
    /// </summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => _core.FlushAsync(cancellationToken);

    /// <summary>Sends what is buffered, and ends. Further records are refused with <see cref="ObjectDisposedException"/>.</summary>
    public ValueTask DisposeAsync() => _core.DisposeAsync();

    private bool TryAppend(
        TopicProducer topic, in ProducerRecord<TKey, TValue> record, bool awaited, ref int reserved, out PendingDelivery delivery)
    {
        SerializationScratch? scratch = null;
        try
        {
            var hasKey = !_keySerializer.IsNull(record.Key);
            var hasValue = !_valueSerializer.IsNull(record.Value);
            ReadOnlySpan<byte> key = default, value = default;
            if (hasKey)
            {
                if (_keySerializer.TryGetBytes(record.Key, out var bytes)) key = bytes.Span;
                else key = Serialize(_keySerializer, record.Key, (scratch = SerializationScratch.Current).Key);
            }

            if (hasValue)
            {
                if (_valueSerializer.TryGetBytes(record.Value, out var bytes)) value = bytes.Span;
                else value = Serialize(_valueSerializer, record.Value, (scratch ??= SerializationScratch.Current).Value);
            }

            var partition = record.Partition ?? Choose(topic, key, hasKey, key.Length + value.Length);
            if (!topic.TryGetSender(partition, out var sender))
            {
                if (record.Partition >= topic.PartitionCount && reserved == 0)
                {
                    // The topic may have grown meanwhile; whoever may wait finds out.
                    delivery = default;
                    return false;
                }

                sender = topic.GetSender(partition);
            }

            var timestampMs = record.Timestamp?.ToUnixTimeMilliseconds() ?? _clock.NowMs;
            var done = sender.Queue.TryAppend(
                timestampMs, key, hasKey, value, hasValue, record.Headers, awaited, ref reserved, out delivery, out var full);
            if (full) topic.RefreshIfOld();
            return done;
        }
        finally
        {
            scratch?.Clear();
        }
    }

    private int Choose(TopicProducer topic, ReadOnlySpan<byte> key, bool hasKey, int recordBytes)
    {
        var count = topic.PartitionCount;
        if (count == 0)
            throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"Topic '{topic.Name}' was deleted.");
        var partition = _partitioner.Choose(topic.Name, key, hasKey, count);
        return partition == Partitioner.Sticky ? topic.StickyPartition(count, recordBytes) : partition;
    }

    private static ReadOnlySpan<byte> Serialize<T>(
        RecordSerializer<T> serializer, T value, System.Buffers.ArrayBufferWriter<byte> scratch)
    {
        serializer.Serialize(value, scratch);
        return scratch.WrittenSpan;
    }

    private async ValueTask<PendingDelivery> EnqueueSlowAsync(
        ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken)
    {
        var time = _core.Context.Time;
        var start = time.GetTimestamp();
        var known = _core.FindTopic(record.Topic);
        var topic = await _core.GetTopicAsync(
            record.Topic, refresh: known is not null && record.Partition >= known.PartitionCount, cancellationToken).ConfigureAwait(false);
        topic.GetSender(record.Partition ?? 0); // throws for a partition that does not exist
        while (true)
        {
            var reserved = 0;
            if (TryAppend(topic, record, awaited: false, ref reserved, out var delivery)) return delivery;
            if (_core.Settings.Linger > TimeSpan.Zero) _core.SealOpenBatches();
            var left = _core.Settings.MaxBlock - time.GetElapsedTime(start);
            if (left < TimeSpan.FromMilliseconds(1)) left = TimeSpan.FromMilliseconds(1);
            await _core.Memory.ReserveAsync(PartitionQueue.FirstReservation, left, cancellationToken).ConfigureAwait(false);
            reserved = PartitionQueue.FirstReservation;
            try
            {
                if (TryAppend(topic, record, awaited: false, ref reserved, out delivery)) return delivery;
            }
            finally
            {
                if (reserved > 0) _core.Memory.Release(reserved);
            }
        }
    }

    private async ValueTask<RecordMetadata> ProduceSlowAsync(
        ProducerRecord<TKey, TValue> record, PendingDelivery delivery, CancellationToken cancellationToken)
    {
        if (delivery == default) delivery = await EnqueueSlowAsync(record, cancellationToken).ConfigureAwait(false);
        return await delivery.AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
    }
}
