using OrleansLog.Cli.Input;
using OrleansLog.Client;
using OrleansLog.Records;

namespace OrleansLog.Cli.Consume;

/// <summary>What <see cref="RecordPump"/> needs of a consumer.</summary>
internal interface IRecordSource
{
    /// <summary>The records; keys and values are valid until the next one is asked for.</summary>
    IAsyncEnumerable<ConsumerRecord<NullableBytes, NullableBytes>> ConsumeAsync(CancellationToken cancellationToken);

    /// <summary>The offset of the next record to come; null when it is not known.</summary>
    long? Position(TopicPartition partition);

    /// <summary>Commits offsets.</summary>
    ValueTask CommitAsync(IReadOnlyList<KeyValuePair<TopicPartition, long>> offsets, CancellationToken cancellationToken);
}

/// <summary>A consumer as a source.</summary>
internal sealed class ConsumerSource(Consumer<NullableBytes, NullableBytes> consumer) : IRecordSource
{
    /// <inheritdoc/>
    public IAsyncEnumerable<ConsumerRecord<NullableBytes, NullableBytes>> ConsumeAsync(CancellationToken cancellationToken) =>
        consumer.ConsumeAsync(cancellationToken);

    /// <inheritdoc/>
    public long? Position(TopicPartition partition) => consumer.Position(partition);

    /// <inheritdoc/>
    public ValueTask CommitAsync(IReadOnlyList<KeyValuePair<TopicPartition, long>> offsets, CancellationToken cancellationToken) =>
        consumer.CommitAsync(offsets, cancellationToken);
}
