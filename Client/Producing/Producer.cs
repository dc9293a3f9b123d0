namespace OrleansLog.Client;

/// <summary>
/// Produces records: gathers them in batches, a partition at a time, and sends these to the partitions' leaders. Thread-safe;
/// records of one partition are stored in the order in which the calls were made. Disposing of it sends what is buffered.
/// </summary>
public sealed class Producer<TKey, TValue> : IAsyncDisposable
{
    internal Producer(ClientContext context, ProducerOptions<TKey, TValue> options)
    {
        _ = context;
        _ = options.Checked();
    }

    /// <summary>Produces a record; completes when it is acknowledged.</summary>
    public ValueTask<RecordMetadata> ProduceAsync(
        in ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Produces a record; completes when it is acknowledged.</summary>
    public ValueTask<RecordMetadata> ProduceAsync(
        string topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        ProduceAsync(new ProducerRecord<TKey, TValue>(topic, key, value), cancellationToken);

    /// <summary>
    /// Buffers a record; completes when there is room for it in <see cref="ProducerOptions{TKey,TValue}.BufferMemory"/>, with a
    /// handle of its delivery.
    /// </summary>
    public ValueTask<PendingDelivery> EnqueueAsync(
        in ProducerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Buffers a record, as <see cref="EnqueueAsync(in ProducerRecord{TKey,TValue},CancellationToken)"/> does.</summary>
    public ValueTask<PendingDelivery> EnqueueAsync(
        string topic, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        EnqueueAsync(new ProducerRecord<TKey, TValue>(topic, key, value), cancellationToken);

    /// <summary>
    /// Sends everything that was buffered before the call, and completes when all of it is delivered or has failed. It does not
    /// throw for a failed record: the record's own delivery says so.
    /// </summary>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc />
    public ValueTask DisposeAsync() => default;
}
