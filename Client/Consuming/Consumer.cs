using System.Text.RegularExpressions;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Reads records of the partitions that it was assigned, by its group (<see cref="Subscribe(IEnumerable{string})"/>) or by hand
/// (<see cref="Assign(IEnumerable{TopicPartition})"/>).
/// <para>
/// One enumeration at a time; the other members are thread-safe. While there is an enumeration, seeks, pauses, assignments and
/// rebalances take effect between two of its records, so that a record that was handed out is processed before its partition is
/// given up. Disposing of the consumer commits (with automatic commit) and leaves the group.
/// </para>
/// </summary>
public sealed class Consumer<TKey, TValue> : IAsyncDisposable
{
    private readonly ConsumerCore _core;
    private int _enumerating;

    internal Consumer(ClientContext context, ConsumerOptions<TKey, TValue> options)
    {
        options = options.Checked();
        KeyDeserializer = options.KeyDeserializer ?? Serializers.For<TKey>(context.Services);
        ValueDeserializer = options.ValueDeserializer ?? Serializers.For<TValue>(context.Services);
        _core = new ConsumerCore(context, ConsumerSettings.From(options), new RebalanceCallbacks(
            Bind(options.PartitionsAssigned), Bind(options.PartitionsRevoked), Bind(options.PartitionsLost)));
    }

    /// <summary>The partitions that are assigned at present, ordered by topic and number.</summary>
    public IReadOnlyList<TopicPartition> Assignment => [.. _core.Cursors.Select(static cursor => cursor.Partition)];

    /// <summary>The id under which this consumer is a member of its group; empty while it is not.</summary>
    public string MemberId => _core.MemberId;

    internal RecordSerializer<TKey> KeyDeserializer { get; }

    internal RecordSerializer<TValue> ValueDeserializer { get; }

    /// <summary>Whether a record is handed out and the next not asked for.</summary>
    internal bool IsInBody { get; set; }

    /// <summary>Subscribes to topics by name, in place of any subscription before. A topic need not exist yet.</summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="ConsumerOptions{TKey,TValue}.GroupId"/>, or partitions
    /// are assigned by hand.</exception>
    public void Subscribe(params IEnumerable<string> topics) => _core.Subscribe([.. topics], null);

    /// <summary>
    /// Subscribes to all topics whose whole name matches, now or later. The pattern is evaluated by the coordinator, without the
    /// options of <paramref name="pattern"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">There is no <see cref="ConsumerOptions{TKey,TValue}.GroupId"/>, or partitions
    /// are assigned by hand.</exception>
    public void Subscribe(Regex pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        _core.Subscribe(null, pattern.ToString());
    }

    /// <summary>
    /// Gives all partitions up, as in a rebalance, and leaves the group. Not to be called from within the enumeration's body.
    /// </summary>
    /// <exception cref="InvalidOperationException">An enumeration is between two records: end it first.</exception>
    public ValueTask UnsubscribeAsync(CancellationToken cancellationToken = default) => IsInBody
        ? throw new InvalidOperationException("End the enumeration before unsubscribing.")
        : _core.UnsubscribeAsync(cancellationToken);

    /// <summary>Assigns partitions by hand, in place of any before, to be read from the group's committed offsets (or, without
    /// them, as <see cref="ConsumerOptions{TKey,TValue}.AutoOffsetReset"/> says).</summary>
    /// <exception cref="InvalidOperationException">The consumer is subscribed.</exception>
    public void Assign(params IEnumerable<TopicPartition> partitions) =>
        Assign(partitions.Select(static partition => KeyValuePair.Create(partition, LogPosition.Committed)));

    /// <summary>Assigns partitions by hand, in place of any before, to be read from a position each.</summary>
    /// <exception cref="InvalidOperationException">The consumer is subscribed.</exception>
    public void Assign(IEnumerable<KeyValuePair<TopicPartition, LogPosition>> partitions) => _core.Assign([.. partitions.DistinctBy(static pair => pair.Key)]);

    /// <summary>
    /// The records, for <c>await foreach</c>: of each partition in order, of several partitions in turn. Ends when cancelled (by
    /// throwing), when the consumer is disposed of, or as <see cref="ConsumerOptions{TKey,TValue}.StopAtEnd"/> says. With automatic
    /// commit, a record counts as processed when the next is asked for: after leaving the loop early, commit if the last record is
    /// to count.
    /// </summary>
    /// <exception cref="OrleansLogException">By the enumeration: an offset out of range without a reset policy, a batch that is
    /// damaged, a record that cannot be deserialized, a topic that does not exist, or a group that refuses this member.</exception>
    public IAsyncEnumerable<ConsumerRecord<TKey, TValue>> ConsumeAsync(CancellationToken cancellationToken = default) =>
        new Enumerable(this, cancellationToken);

    /// <summary>Goes on reading a partition from another position; records fetched ahead are dropped.</summary>
    /// <exception cref="InvalidOperationException">The partition is not assigned.</exception>
    public void Seek(TopicPartition partition, LogPosition position)
    {
        Require(partition);
        _core.Right.Post(() => _core.Find(partition)?.Restart(position));
    }

    /// <summary>Stops handing out records of partitions, until <see cref="Resume"/>; they stay assigned.</summary>
    /// <exception cref="InvalidOperationException">A partition is not assigned.</exception>
    public void Pause(params IEnumerable<TopicPartition> partitions) => SetPaused(partitions, true);

    /// <summary>Hands out records of paused partitions again.</summary>
    /// <exception cref="InvalidOperationException">A partition is not assigned.</exception>
    public void Resume(params IEnumerable<TopicPartition> partitions) => SetPaused(partitions, false);

    /// <summary>The offset of the next record to be handed out; null when it is not known yet.</summary>
    /// <exception cref="InvalidOperationException">The partition is not assigned.</exception>
    public long? Position(TopicPartition partition) => Require(partition).Position is >= 0 and var position ? position : null;

    /// <summary>How many records the position is behind the high watermark, asked of the leader now.</summary>
    /// <exception cref="InvalidOperationException">The partition is not assigned.</exception>
    public async ValueTask<long> LagAsync(TopicPartition partition, CancellationToken cancellationToken = default)
    {
        var cursor = Require(partition);
        var end = await _core.ResolveAsync(partition, LogPosition.End, cancellationToken).ConfigureAwait(false);
        var (start, _) = cursor.FetchStart;
        var position = cursor.Position;
        if (position < 0) position = await _core.ResolveAsync(partition, start, cancellationToken).ConfigureAwait(false);
        return Math.Max(0, end - position);
    }

    /// <summary>Commits the positions of all assigned partitions: every record handed out so far, the current one included.</summary>
    /// <exception cref="InvalidOperationException">There is no group.</exception>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedMemberEpoch: the partitions are another member's by now.</exception>
    public ValueTask CommitAsync(CancellationToken cancellationToken = default) => new(_core.CommitPositionsAsync(cancellationToken));

    /// <summary>Commits a record: the offset after it.</summary>
    /// <exception cref="InvalidOperationException">There is no group.</exception>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedMemberEpoch: the partition is another member's by now.</exception>
    public ValueTask CommitAsync(in ConsumerRecord<TKey, TValue> record, CancellationToken cancellationToken = default) =>
        new(_core.CommitAsync([KeyValuePair.Create(record.TopicPartition, record.Offset + 1)], cancellationToken));

    /// <summary>Commits offsets: of each partition that of the next record to read.</summary>
    /// <exception cref="InvalidOperationException">There is no group.</exception>
    /// <exception cref="OrleansLogException">UnknownMemberId, FencedMemberEpoch: the partitions are another member's by now.</exception>
    public ValueTask CommitAsync(
        IEnumerable<KeyValuePair<TopicPartition, long>> offsets, CancellationToken cancellationToken = default) =>
        new(_core.CommitAsync([.. offsets], cancellationToken));

    /// <summary>The group's committed offsets of partitions; a partition without one is absent.</summary>
    /// <exception cref="InvalidOperationException">There is no group.</exception>
    public async ValueTask<IReadOnlyDictionary<TopicPartition, long>> CommittedAsync(
        IEnumerable<TopicPartition> partitions, CancellationToken cancellationToken = default)
    {
        var committer = _core.Committer ?? throw new InvalidOperationException("Committed offsets need a group: set ConsumerOptions.GroupId.");
        return await committer.FetchAsync([.. partitions], cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends the enumeration, commits what is processed (with automatic commit), calls
    /// <see cref="ConsumerOptions{TKey,TValue}.PartitionsRevoked"/>, and leaves the group.
    /// </summary>
    public ValueTask DisposeAsync() => _core.DisposeAsync(() => !IsInBody);

    internal void BeginEnumeration()
    {
        ObjectDisposedException.ThrowIf(_core.IsDisposed, typeof(Consumer<,>));
        if (Interlocked.Exchange(ref _enumerating, 1) != 0)
            throw new InvalidOperationException("The consumer is being enumerated already; one enumeration at a time.");
    }

    internal void EndEnumeration() => Volatile.Write(ref _enumerating, 0);

    private void SetPaused(IEnumerable<TopicPartition> partitions, bool paused)
    {
        TopicPartition[] list = [.. partitions];
        foreach (var partition in list) Require(partition);
        _core.Right.Post(() =>
        {
            foreach (var partition in list)
            {
                if (_core.Find(partition) is { } cursor) cursor.IsPaused = paused;
            }
        });
    }

    private PartitionCursor Require(TopicPartition partition) =>
        _core.Find(partition) ?? throw new InvalidOperationException($"{partition} is not assigned to this consumer.");

    private Func<IReadOnlyList<TopicPartition>, CancellationToken, ValueTask>? Bind(RebalanceHandler<TKey, TValue>? handler) =>
        handler is null ? null : (partitions, cancellationToken) => handler(this, partitions, cancellationToken);

    private sealed class Enumerable(Consumer<TKey, TValue> consumer, CancellationToken cancellationToken)
        : IAsyncEnumerable<ConsumerRecord<TKey, TValue>>
    {
        public IAsyncEnumerator<ConsumerRecord<TKey, TValue>> GetAsyncEnumerator(CancellationToken token) =>
            new ConsumeEnumerator<TKey, TValue>(consumer, consumer._core, token.CanBeCanceled ? token : cancellationToken);
    }
}
