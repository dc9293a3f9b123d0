using System.Text.RegularExpressions;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Reads records of the partitions that it was assigned, by its group (<see cref="Subscribe(IEnumerable{string})"/>) or by hand
/// (<see cref="Assign(IEnumerable{TopicPartition})"/>). One enumeration at a time; the other members are thread-safe. Disposing
/// of it commits (with automatic commit) and leaves the group.
/// </summary>
public sealed class Consumer<TKey, TValue> : IAsyncDisposable
{
    internal Consumer(ClientContext context, ConsumerOptions<TKey, TValue> options)
    {
        _ = context;
        _ = options.Checked();
    }

    /// <summary>The partitions that are assigned at present.</summary>
    public IReadOnlyList<TopicPartition> Assignment => throw new NotImplementedException();

    /// <summary>The id under which this consumer is a member of its group; empty without a group.</summary>
    public string MemberId => throw new NotImplementedException();

    /// <summary>Subscribes to topics by name, in place of any subscription or assignment before. A topic need not exist yet.</summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="ConsumerOptions{TKey,TValue}.GroupId"/>.</exception>
    public void Subscribe(params IEnumerable<string> topics) => throw new NotImplementedException();

    /// <summary>
    /// Subscribes to all topics whose whole name matches, now or later. The pattern is evaluated by the coordinator, without options.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="ConsumerOptions{TKey,TValue}.GroupId"/>.</exception>
    public void Subscribe(Regex pattern) => throw new NotImplementedException();

    /// <summary>Gives all partitions up, as in a rebalance, and leaves the group.</summary>
    public ValueTask UnsubscribeAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Assigns partitions by hand, in place of any before, to be read from the group's committed offsets (or, without
    /// them, as <see cref="ConsumerOptions{TKey,TValue}.AutoOffsetReset"/> says).</summary>
    public void Assign(params IEnumerable<TopicPartition> partitions) => throw new NotImplementedException();

    /// <summary>Assigns partitions by hand, in place of any before, to be read from a position each.</summary>
    public void Assign(IEnumerable<KeyValuePair<TopicPartition, LogPosition>> partitions) => throw new NotImplementedException();

    /// <summary>
    /// The records, for <c>await foreach</c>. Ends when cancelled (by throwing), when the consumer is disposed of, or as
    /// <see cref="ConsumerOptions{TKey,TValue}.StopAtEnd"/> says.
    /// </summary>
    public IAsyncEnumerable<ConsumerRecord<TKey, TValue>> ConsumeAsync(CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Goes on reading a partition from another position; records fetched ahead are dropped.</summary>
    /// <exception cref="InvalidOperationException">The partition is not assigned.</exception>
    public void Seek(TopicPartition partition, LogPosition position) => throw new NotImplementedException();

    /// <summary>Stops handing out records of partitions, until <see cref="Resume"/>; they stay assigned.</summary>
    public void Pause(params IEnumerable<TopicPartition> partitions) => throw new NotImplementedException();

    /// <summary>Hands out records of paused partitions again.</summary>
    public void Resume(params IEnumerable<TopicPartition> partitions) => throw new NotImplementedException();

    /// <summary>The offset of the next record to be handed out; null when it is not known yet.</summary>
    public long? Position(TopicPartition partition) => throw new NotImplementedException();

    /// <summary>How many records the position is behind the high watermark, asked of the leader now.</summary>
    public ValueTask<long> LagAsync(TopicPartition partition, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Commits the positions of all assigned partitions: every record handed out so far, the current one included.</summary>
    public ValueTask CommitAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Commits a record (the offset after it).</summary>
    public ValueTask CommitAsync(in ConsumerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>Commits offsets: of each partition that of the next record to read.</summary>
    public ValueTask CommitAsync(
        IEnumerable<KeyValuePair<TopicPartition, long>> offsets, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();

    /// <summary>The group's committed offsets of partitions; a partition without one is absent.</summary>
    public ValueTask<IReadOnlyDictionary<TopicPartition, long>> CommittedAsync(
        IEnumerable<TopicPartition> partitions, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <inheritdoc />
    public ValueTask DisposeAsync() => default;
}
