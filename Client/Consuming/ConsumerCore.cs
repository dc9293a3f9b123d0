using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// All of a consumer that does not depend on its types of keys and values: the assigned partitions and who fetches them, and
/// where the reader gets its next chunk. What changes the assignment is done by who holds <see cref="Right"/>.
/// </summary>
internal sealed partial class ConsumerCore : IAsyncDisposable
{
    private readonly Dictionary<TopicPartition, PartitionFetcher> _fetchers = [];
    private readonly List<Task> _stopping = [];
    private readonly AsyncSignal _reader;
    private readonly CancellationTokenSource _disposing = new();
    private volatile PartitionCursor[] _cursors = [];
    private int _nextCursor;
    private Exception? _failure;

    public ConsumerCore(ClientContext context, ConsumerSettings settings, RebalanceCallbacks callbacks)
    {
        Context = context;
        Settings = settings;
        Callbacks = callbacks;
        Log = context.Loggers.CreateLogger("OrleansLog.Client.Consumer");
        _reader = new AsyncSignal(context.Time);
        Right = new ReadingRight(_reader.Set);
        if (settings.GroupId is not null) Committer = new OffsetCommitter(context, settings, () => Identity);
    }

    public ClientContext Context { get; }

    public ConsumerSettings Settings { get; }

    public RebalanceCallbacks Callbacks { get; }

    public ILogger Log { get; }

    public ReadingRight Right { get; }

    /// <summary>Commits offsets; null without a group.</summary>
    public OffsetCommitter? Committer { get; }

    /// <summary>Cancelled when the consumer is being disposed of.</summary>
    public CancellationToken Disposing => _disposing.Token;

    public IReadOnlyList<PartitionCursor> Cursors => _cursors;

    public int AssignedCount => _cursors.Length;

    public PartitionCursor? Find(TopicPartition partition) => Array.Find(_cursors, cursor => cursor.Partition == partition);

    /// <summary>Ends the enumeration with an error, the next time it asks for a record.</summary>
    public void Fail(Exception failure)
    {
        Interlocked.CompareExchange(ref _failure, failure, null);
        _reader.Set();
    }

    /// <summary>The next chunk to read, of the partitions in turn; null when nothing is there.</summary>
    public FetchedChunk? TakeChunk()
    {
        if (Interlocked.Exchange(ref _failure, null) is { } failure) throw failure;
        var cursors = _cursors;
        for (var i = 0; i < cursors.Length; i++)
        {
            var cursor = cursors[(_nextCursor + i) % cursors.Length];
            if (cursor.TakeChunk() is not { } chunk) continue;
            _nextCursor = (_nextCursor + i + 1) % cursors.Length;
            return chunk;
        }

        return null;
    }

    /// <summary>Whether all partitions have been read to their high watermarks.</summary>
    public bool IsAtEnd
    {
        get
        {
            var cursors = _cursors;
            return cursors.Length > 0 && Array.TrueForAll(cursors, static cursor => cursor.IsAtEnd || cursor.IsPaused);
        }
    }

    /// <summary>Waits until there may be something to read or to do.</summary>
    public async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        await using var cancellation = cancellationToken.UnsafeRegister(
            static signal => ((AsyncSignal)signal!).Set(), _reader).ConfigureAwait(false);
        await _reader.WaitAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
    }

    /// <summary>Replaces all partitions. To be called with the right.</summary>
    public void AssignByHand(IReadOnlyList<KeyValuePair<TopicPartition, LogPosition>> partitions)
    {
        Remove([.. _fetchers.Keys]);
        foreach (var (partition, position) in partitions) Start(new PartitionCursor(partition, position, _reader.Set));
        Publish();
    }

    /// <summary>Takes partitions that the group gave. To be called with the right.</summary>
    public async ValueTask AddAsync(IReadOnlyList<TopicPartition> partitions, IReadOnlyDictionary<TopicPartition, long> committed)
    {
        PartitionCursor[] cursors = [.. partitions.Select(partition => new PartitionCursor(
            partition,
            committed.TryGetValue(partition, out var offset) ? LogPosition.At(offset) : WithoutCommit,
            _reader.Set))];
        _cursors = [.. _cursors, .. cursors];
        await CallAsync(Callbacks.Assigned, partitions).ConfigureAwait(false);
        foreach (var cursor in cursors) Start(cursor);
        Publish();
    }

    /// <summary>Gives partitions up that the group wants back. To be called with the right, that is between two records.</summary>
    public async ValueTask RevokeAsync(IReadOnlyList<TopicPartition> partitions)
    {
        PartitionCursor[] going = [.. _cursors.Where(cursor => partitions.Contains(cursor.Partition))];
        foreach (var cursor in going) cursor.IsPaused = true;
        if (Settings.AutoCommit) await TryCommitProcessedAsync(going).ConfigureAwait(false);
        await CallAsync(Callbacks.Revoked, partitions).ConfigureAwait(false);
        Remove(partitions);
        Publish();
    }

    /// <summary>Drops all partitions: they are no longer this consumer's. To be called with the right.</summary>
    public async ValueTask LoseAllAsync()
    {
        TopicPartition[] lost = [.. _cursors.Select(static cursor => cursor.Partition)];
        Remove(lost);
        Publish();
        if (lost.Length > 0) await CallAsync(Callbacks.Lost ?? Callbacks.Revoked, lost).ConfigureAwait(false);
    }

    /// <summary>The offset of a position.</summary>
    public async Task<long> ResolveAsync(TopicPartition partition, LogPosition position, CancellationToken cancellationToken)
    {
        if (position.TryGetOffset(out var known)) return known;
        if (position.IsCommitted)
        {
            if (Committer is not null
                && (await Committer.FetchAsync([partition], cancellationToken).ConfigureAwait(false))
                    .TryGetValue(partition, out var committed)) return committed;
            position = WithoutCommit;
            if (position.IsCommitted)
                throw new OrleansLogException(
                    ErrorCode.OffsetOutOfRange,
                    $"There is no committed offset for {partition} and AutoOffsetReset is None; seek to a position.");
        }

        var leader = Context.Grains.GetPartition(partition);
        var found = await Context.AnswerTo(() => leader.ListOffsets(position.Timestamp)).WaitAsync(Settings.RequestTimeout, Context.Time, cancellationToken)
            .ConfigureAwait(false);
        if (found.Offset >= 0) return found.Offset;
        found = await Context.AnswerTo(() => leader.ListOffsets(OffsetSpec.Latest)).WaitAsync(Settings.RequestTimeout, Context.Time, cancellationToken)
            .ConfigureAwait(false);
        return found.Offset;
    }

    /// <summary>Whether a partition does not exist.</summary>
    public async Task<bool> IsGoneAsync(TopicPartition partition)
    {
        try
        {
            var topic = await Context.AnswerTo(() => Context.Grains.GetTopic(partition.Topic).Describe())
                .WaitAsync(Settings.RequestTimeout, Context.Time).ConfigureAwait(false);
            return partition.Partition >= topic.Partitions.Count;
        }
        catch (OrleansLogException exception)
        {
            return exception.Error == ErrorCode.UnknownTopicOrPartition;
        }
        catch (Exception exception) when (CallRetry.Classify(exception) != CallFailure.Fatal)
        {
            return false;
        }
    }

    // Without a policy the fetcher says so, when the application had its chance to seek.
    private LogPosition WithoutCommit => Settings.AutoOffsetReset switch
    {
        AutoOffsetReset.Earliest => LogPosition.Beginning,
        AutoOffsetReset.Latest => LogPosition.End,
        _ => LogPosition.Committed,
    };

    private void Start(PartitionCursor cursor) => _fetchers.Add(cursor.Partition, new PartitionFetcher(this, cursor));

    private void Remove(IReadOnlyList<TopicPartition> partitions)
    {
        _stopping.RemoveAll(static task => task.IsCompletedSuccessfully);
        foreach (var partition in partitions)
        {
            if (_fetchers.Remove(partition, out var fetcher)) _stopping.Add(fetcher.DisposeAsync().AsTask());
        }
    }

    private void Publish()
    {
        _cursors = [.. _fetchers.Values.Select(static fetcher => fetcher.Cursor)
            .OrderBy(static cursor => cursor.Partition.Topic, StringComparer.Ordinal)
            .ThenBy(static cursor => cursor.Partition.Partition)];
        _reader.Set();
    }

    private async ValueTask CallAsync(
        Func<IReadOnlyList<TopicPartition>, CancellationToken, ValueTask>? callback, IReadOnlyList<TopicPartition> partitions)
    {
        if (callback is null) return;
        try
        {
            await callback(partitions, Disposing).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }
}
