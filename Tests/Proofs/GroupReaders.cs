using System.Collections.Concurrent;
using System.Diagnostics;
using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// Members of a consumer group that read a topic and commit all the time, and note which commits succeeded. What was committed
/// may neither go back nor be read again.
/// </summary>
internal sealed class GroupReaders
{
    private static readonly TimeSpan CommitInterval = TimeSpan.FromMilliseconds(100);

    private readonly OrleansLogClient _client;
    private readonly string _topic;
    private readonly string _group;
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<TopicPartition, long> _committed = [];
    private readonly List<string> _violations = [];
    private readonly Task[] _members;
    private long _commits;
    private long _refusedCommits;

    private GroupReaders(OrleansLogClient client, string topic, string group, int members)
    {
        _client = client;
        _topic = topic;
        _group = group;
        _members = [.. Enumerable.Range(0, members).Select(_ => Task.Run(RunAsync))];
    }

    /// <summary>Commits that succeeded.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    /// <summary>Commits that were refused, as they are when the partition has another owner by then.</summary>
    public long RefusedCommits => Interlocked.Read(ref _refusedCommits);

    public static GroupReaders Start(OrleansLogClient client, string topic, string group, int members) =>
        new(client, topic, group, members);

    /// <summary>The greatest offset that was successfully committed, of each partition.</summary>
    public IReadOnlyDictionary<TopicPartition, long> Committed()
    {
        lock (_gate) return new Dictionary<TopicPartition, long>(_committed);
    }

    /// <summary>Asks the silo for the group's offsets: none may be before what was committed, or behind the end of its log.</summary>
    public async Task CheckAsync(OrleansLogClient client)
    {
        ThrowOnViolation();
        var expected = Committed();
        if (expected.Count == 0) return;
        var found = (await client.Admin.ListGroupOffsetsAsync(_group)).ToDictionary(static offset => offset.Partition);
        foreach (var (partition, offset) in expected)
        {
            Assert.True(found.ContainsKey(partition), $"The group's offset of {partition}, {offset}, is gone.");
            Assert.True(
                found[partition].Offset >= offset, $"The group's offset of {partition} was committed as {offset} and is {found[partition].Offset}.");
            Assert.True(
                found[partition].HighWatermark >= found[partition].Offset,
                $"The group's offset of {partition} is {found[partition].Offset}, behind the end of the log, {found[partition].HighWatermark}.");
        }
    }

    /// <summary>Waits until the group has been formed and commits.</summary>
    public async Task WhenCommittingAsync(TimeSpan limit)
    {
        for (var start = Stopwatch.GetTimestamp(); Commits == 0; await Task.Delay(50))
        {
            ThrowOnViolation();
            Assert.True(Stopwatch.GetElapsedTime(start) < limit, $"The group has not committed anything within {limit}.");
        }
    }

    /// <summary>Waits until the group has no lag.</summary>
    public async Task WhenDoneAsync(OrleansLogClient client, TimeSpan limit)
    {
        var start = Stopwatch.GetTimestamp();
        while ((await client.Admin.ListGroupOffsetsAsync(_group)).Any(static offset => offset.Lag is not 0))
        {
            ThrowOnViolation();
            Assert.True(
                Stopwatch.GetElapsedTime(start) < limit,
                $"The group still lags after {limit}: {string.Join(", ", await client.Admin.ListGroupOffsetsAsync(_group))}");
            await Task.Delay(50); // nothing tells of a lag that has gone
        }
    }

    public async Task StopAsync(TimeSpan limit)
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_members).WaitAsync(limit);
        ThrowOnViolation();
    }

    /// <summary>Lets go of members whose silo is gone for good.</summary>
    public void Abandon() => _stop.Cancel();

    private void ThrowOnViolation()
    {
        lock (_gate) Assert.True(_violations.Count == 0, string.Join('\n', _violations.Take(10)));
        if (_members.FirstOrDefault(static member => member.IsFaulted) is { } failed)
            Assert.Fail($"A member of the group has ended: {failed.Exception}");
    }

    private async Task RunAsync()
    {
        await using var member = new Member(this);
        await member.RunAsync(_stop.Token);
    }

    private void NoteCommit(IEnumerable<KeyValuePair<TopicPartition, long>> offsets)
    {
        Interlocked.Increment(ref _commits);
        lock (_gate)
        {
            foreach (var (partition, offset) in offsets)
            {
                if (_committed.TryGetValue(partition, out var before) && before > offset)
                    _violations.Add($"{partition} was committed as {before}, and then as {offset}.");
                _committed[partition] = offset;
            }
        }
    }

    private void NoteRefusal() => Interlocked.Increment(ref _refusedCommits);

    private void NoteRead(in ConsumerRecord<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> record)
    {
        lock (_gate)
        {
            if (_committed.TryGetValue(record.TopicPartition, out var committed) && record.Offset < committed)
                _violations.Add($"{record.TopicPartition}@{record.Offset} was read again after {committed} had been committed.");
        }
    }

    /// <summary>One member: reads in one task and commits in another.</summary>
    private sealed class Member : IAsyncDisposable
    {
        private readonly GroupReaders _owner;
        private readonly Consumer<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> _consumer;
        private readonly ConcurrentDictionary<TopicPartition, long> _positions = new();
        /// <summary>A partition is given up only when no commit of it is under way.</summary>
        private readonly SemaphoreSlim _committing = new(1, 1);

        public Member(GroupReaders owner)
        {
            _owner = owner;
            _consumer = owner._client.CreateConsumer(new ConsumerOptions<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>>
            {
                GroupId = owner._group,
                KeyDeserializer = Serializers.BorrowedBytes,
                ValueDeserializer = Serializers.BorrowedBytes,
                AutoOffsetReset = AutoOffsetReset.Earliest,
                EnableAutoCommit = false,
                FetchMaxWaitMs = 500,
                PartitionsRevoked = (_, partitions, cancellationToken) => GiveUpAsync(partitions, commit: true, cancellationToken),
                PartitionsLost = (_, partitions, cancellationToken) => GiveUpAsync(partitions, commit: false, cancellationToken),
            });
        }

        public async Task RunAsync(CancellationToken stop)
        {
            _consumer.Subscribe(_owner._topic);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(stop);
            var commits = CommitRegularlyAsync(ended.Token);
            try
            {
                await foreach (var record in _consumer.ConsumeAsync(stop))
                {
                    _owner.NoteRead(record);
                    _positions[record.TopicPartition] = record.Offset + 1;
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
            finally
            {
                await ended.CancelAsync();
                await commits;
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _consumer.DisposeAsync();
            _committing.Dispose();
        }

        private async Task CommitRegularlyAsync(CancellationToken stop)
        {
            using var timer = new PeriodicTimer(CommitInterval);
            try
            {
                while (await timer.WaitForNextTickAsync(stop))
                {
                    await _committing.WaitAsync(stop);
                    try
                    {
                        await CommitAsync(_positions.ToArray(), stop);
                    }
                    finally
                    {
                        _committing.Release();
                    }
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
        }

        /// <summary>What was read and is not committed goes to whoever gets the partition next.</summary>
        private async ValueTask GiveUpAsync(IReadOnlyList<TopicPartition> partitions, bool commit, CancellationToken cancellationToken)
        {
            await _committing.WaitAsync(cancellationToken);
            try
            {
                var offsets = _positions.Where(pair => partitions.Contains(pair.Key)).ToArray();
                foreach (var partition in partitions) _positions.TryRemove(partition, out _);
                if (commit) await CommitAsync(offsets, cancellationToken);
            }
            finally
            {
                _committing.Release();
            }
        }

        private async Task CommitAsync(KeyValuePair<TopicPartition, long>[] offsets, CancellationToken cancellationToken)
        {
            if (offsets.Length == 0) return;
            try
            {
                await _consumer.CommitAsync(offsets, cancellationToken);
                _owner.NoteCommit(offsets);
            }
            catch (Exception failure) when (failure is OrleansLogException or TimeoutException)
            {
                // The silo was down for longer than the call lasts, or the partition is another's by now: the next commit tells.
                _owner.NoteRefusal();
            }
        }
    }
}
