using System.Runtime.CompilerServices;

namespace OrleansLog.Client;

/// <summary>
/// The delivery of a record that is buffered; awaiting it gives the record's place, or throws why it was not delivered. It may
/// be awaited never, once or often, and kept for as long as wanted; it keeps nothing but a few bytes for each batch alive.
/// </summary>
public readonly struct PendingDelivery : IEquatable<PendingDelivery>
{
    private readonly BatchDelivery _batch;
    private readonly int _index;
    private readonly long _timestampMs;

    internal PendingDelivery(BatchDelivery batch, int index, long timestampMs)
    {
        _batch = batch;
        _index = index;
        _timestampMs = timestampMs;
    }

    /// <summary>Whether the delivery has succeeded or failed.</summary>
    public bool IsCompleted => _batch.IsCompleted;

    internal ValueTask<RecordMetadata> AsValueTask() => _batch.WaitAsync(_index, _timestampMs);

    /// <summary>A task of the delivery's result.</summary>
    public Task<RecordMetadata> AsTask() => _batch.WaitAsync(_index, _timestampMs).AsTask();

    /// <summary>Makes the delivery awaitable.</summary>
#pragma warning disable CA2012 // each call makes a wait of its own
    public ValueTaskAwaiter<RecordMetadata> GetAwaiter() => _batch.WaitAsync(_index, _timestampMs).GetAwaiter();
#pragma warning restore CA2012

    /// <summary>Makes the delivery awaitable.</summary>
    public ConfiguredValueTaskAwaitable<RecordMetadata> ConfigureAwait(bool continueOnCapturedContext) =>
        _batch.WaitAsync(_index, _timestampMs).ConfigureAwait(continueOnCapturedContext);

    /// <inheritdoc />
    public bool Equals(PendingDelivery other) => ReferenceEquals(_batch, other._batch) && _index == other._index;

    /// <inheritdoc />
    public override bool Equals(object? obj) => obj is PendingDelivery other && Equals(other);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(RuntimeHelpers.GetHashCode(_batch), _index);

    /// <summary>Whether both are the delivery of the same record.</summary>
    public static bool operator ==(PendingDelivery left, PendingDelivery right) => left.Equals(right);

    /// <summary>Whether they are the deliveries of different records.</summary>
    public static bool operator !=(PendingDelivery left, PendingDelivery right) => !left.Equals(right);
}
