using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>The application's part in rebalances, without the consumer's types of keys and values.</summary>
internal sealed record RebalanceCallbacks(
    Func<IReadOnlyList<TopicPartition>, CancellationToken, ValueTask>? Assigned,
    Func<IReadOnlyList<TopicPartition>, CancellationToken, ValueTask>? Revoked,
    Func<IReadOnlyList<TopicPartition>, CancellationToken, ValueTask>? Lost);
