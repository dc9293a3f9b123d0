using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class ConsumerTests : IDisposable
{
    private static readonly TopicPartition T0 = new("t", 0);
    private readonly FakeCluster _cluster = new FakeCluster().WithTopic("t").WithTopic("three", 3);
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(30));

    public void Dispose() => _patience.Dispose();

    private Consumer<string?, string?> Consumer(Action<ConsumerOptions<string?, string?>>? configure = null)
    {
        var options = new ConsumerOptions<string?, string?> { AutoOffsetReset = AutoOffsetReset.Earliest, RetryBackoffMs = 1 };
        configure?.Invoke(options);
        return _cluster.Connect().CreateConsumer(options);
    }

    private async Task ProduceAsync(string topic, int count, int partition = 0, int batchRecords = 10)
    {
        await using var producer = _cluster.Connect().CreateProducer<string?, string?>(new() { LingerMs = 60_000 });
        for (var i = 0; i < count; i++)
        {
            await producer.EnqueueAsync(new ProducerRecord<string?, string?>(topic, $"k{i}", $"v{i}")
            {
                Partition = partition,
                Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(1_000 + i),
                Headers = i % 2 == 0 ? null : [new RecordHeader("n", new[] { (byte)i })],
            });
            if (i % batchRecords == batchRecords - 1) await producer.FlushAsync();
        }
    }

    private async Task<List<long>> ReadAsync(Consumer<string?, string?> consumer, int count)
    {
        var offsets = new List<long>();
        if (count == 0) return offsets;
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            offsets.Add(record.Offset);
            if (offsets.Count == count) break;
        }

        return offsets;
    }

    private static List<long> Range(int start, int count) => [.. Enumerable.Range(start, count).Select(static i => (long)i)];

    [Fact]
    public async Task Records_come_in_order_with_all_they_have()
    {
        await ProduceAsync("t", 100);
        await using var consumer = Consumer(static o => o.StopAtEnd = true);
        consumer.Assign(T0);
        var next = 0;
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            Assert.Equal(("t", 0, (long)next), (record.Topic, record.Partition, record.Offset));
            Assert.Equal(($"k{next}", $"v{next}", 1_000L + next), (record.Key, record.Value, record.TimestampMs));
            Assert.Equal(next % 2, record.Headers.Count);
            if (next % 2 == 1) Assert.Equal((byte)next, record.Headers[0].Value.Span[0]);
            next++;
        }

        Assert.Equal(100, next);
        Assert.Equal(100, consumer.Position(T0));
        Assert.Equal(0, await consumer.LagAsync(T0));
    }

    [Fact]
    public async Task What_is_produced_later_arrives()
    {
        await using var consumer = Consumer();
        consumer.Assign(T0);
        var reading = ReadAsync(consumer, 5);
        await ProduceAsync("t", 5);
        Assert.Equal(Range(0, 5), await reading);
    }

    [Fact]
    public async Task Partitions_are_read_in_turn_and_each_in_order()
    {
        for (var p = 0; p < 3; p++) await ProduceAsync("three", 200, p);
        // The first two do not run ahead for the mere reason that the last was asked later: they wait until it has delivered.
        var delivered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var fetches = 0;
        _cluster["three", 2].BeforeFetch = _ =>
        {
            if (Interlocked.Increment(ref fetches) == 3) delivered.SetResult();
            return Task.CompletedTask;
        };
        for (var p = 0; p < 2; p++)
            _cluster["three", p].BeforeFetch = request => request.Offset < 50 ? Task.CompletedTask : delivered.Task;
        await using var consumer = Consumer(static o => (o.StopAtEnd, o.FetchMaxBytes) = (true, 1_024));
        consumer.Assign(Enumerable.Range(0, 3).Select(static p => new TopicPartition("three", p)));
        var seen = new List<(int Partition, long Offset)>();
        await foreach (var record in consumer.ConsumeAsync(_patience.Token)) seen.Add((record.Partition, record.Offset));
        Assert.Equal(600, seen.Count);
        foreach (var partition in seen.GroupBy(static r => r.Partition)) Assert.Equal(Range(0, 200), partition.Select(static r => r.Offset));
        Assert.True(seen.FindIndex(static r => r.Partition == 2) < 200, "the last partition waited for the others to end");
    }

    [Theory]
    [InlineData("beginning", 0)]
    [InlineData("offset", 33)]
    [InlineData("time", 44)]
    [InlineData("end", 100)]
    [InlineData("late", 100)]
    public async Task Reading_starts_where_it_is_told_to(string where, int first)
    {
        await ProduceAsync("t", 100);
        await using var consumer = Consumer();
        consumer.Assign([KeyValuePair.Create(T0, where switch
        {
            "beginning" => LogPosition.Beginning,
            "offset" => LogPosition.At(33),
            "time" => LogPosition.AtTime(DateTimeOffset.FromUnixTimeMilliseconds(1_044)),
            "late" => LogPosition.AtTime(DateTimeOffset.FromUnixTimeMilliseconds(5_000)),
            _ => LogPosition.End,
        })]);
        var reading = ReadAsync(consumer, 105 - first);
        while (consumer.Position(T0) is null) await Task.Yield();
        await ProduceAsync("t", 5);
        Assert.Equal(Range(first, 105 - first), await reading);
    }

    [Fact]
    public async Task A_seek_within_the_loop_takes_effect_with_the_next_record()
    {
        await ProduceAsync("t", 100);
        await using var consumer = Consumer();
        consumer.Assign(T0);
        var seen = new List<long>();
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            seen.Add(record.Offset);
            if (seen.Count == 3) consumer.Seek(T0, LogPosition.At(77));
            if (seen.Count == 5) consumer.Seek(T0, LogPosition.Beginning);
            if (seen.Count == 7) break;
        }

        Assert.Equal([0, 1, 2, 77, 78, 0, 1], seen);
    }

    [Fact]
    public async Task An_enumeration_goes_on_where_the_last_was_left()
    {
        await ProduceAsync("t", 100);
        await using var consumer = Consumer();
        consumer.Assign(T0);
        for (var i = 0; i < 100; i += 4) Assert.Equal(Range(i, 4), await ReadAsync(consumer, 4));
    }

    [Fact]
    public async Task A_paused_partition_waits_and_loses_nothing()
    {
        for (var p = 0; p < 2; p++) await ProduceAsync("three", 50, p);
        await using var consumer = Consumer(static o => o.StopAtEnd = true);
        TopicPartition first = new("three", 0), second = new("three", 1);
        consumer.Assign(first, second);
        var seen = new List<(int Partition, long Offset)>();
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            seen.Add((record.Partition, record.Offset));
            if (seen.Count == 5) consumer.Pause(new TopicPartition("three", record.Partition));
        }

        var paused = seen[0].Partition;
        Assert.Equal(55, seen.Count);
        Assert.All(seen.Skip(5), r => Assert.NotEqual(paused, r.Partition));
        consumer.Resume(new TopicPartition("three", paused));
        await foreach (var record in consumer.ConsumeAsync(_patience.Token)) seen.Add((record.Partition, record.Offset));
        Assert.Equal(Range(0, 50), seen.Where(r => r.Partition == paused).Select(static r => r.Offset));
    }

    [Fact]
    public async Task An_offset_out_of_range_is_reset_as_the_policy_says()
    {
        await ProduceAsync("t", 100);
        _cluster["t"].LogStartOffset = 40;
        await using (var earliest = Consumer())
        {
            earliest.Assign([KeyValuePair.Create(T0, LogPosition.At(7))]);
            Assert.Equal(Range(40, 3), await ReadAsync(earliest, 3));
            earliest.Seek(T0, LogPosition.At(1_000));
            Assert.Equal(Range(40, 3), await ReadAsync(earliest, 3));
        }

        await using var none = Consumer(static o => o.AutoOffsetReset = AutoOffsetReset.None);
        none.Assign([KeyValuePair.Create(T0, LogPosition.At(7))]);
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => ReadAsync(none, 1));
        Assert.Equal(ErrorCode.OffsetOutOfRange, error.Error);
        Assert.Contains("Offset 7 is outside of 40 to 100", error.Message, StringComparison.Ordinal);
        none.Seek(T0, LogPosition.At(50));
        Assert.Equal(Range(50, 1), await ReadAsync(none, 1));
    }

    [Fact]
    public async Task A_topic_that_does_not_exist_is_named()
    {
        await using var consumer = Consumer();
        consumer.Assign(new TopicPartition("nowhere", 0));
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => ReadAsync(consumer, 1));
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, error.Error);
    }

    [Fact]
    public async Task A_lost_answer_is_fetched_again()
    {
        await ProduceAsync("t", 50);
        var fetches = 0;
        _cluster["t"].BeforeFetch = _ => Interlocked.Increment(ref fetches) % 2 == 1
            ? throw new Orleans.Runtime.SiloUnavailableException("gone") : Task.CompletedTask;
        await using var consumer = Consumer(static o => o.FetchMaxBytes = 1_024);
        consumer.Assign(T0);
        Assert.Equal(Range(0, 50), await ReadAsync(consumer, 50));
    }

    [Fact]
    public async Task A_damaged_batch_is_not_handed_out()
    {
        await ProduceAsync("t", 20);
        _cluster["t"].Damage();
        await using var consumer = Consumer(static o => o.FetchMaxBytes = 1_024);
        consumer.Assign(T0);
        var seen = new List<long>();
        var error = await Assert.ThrowsAsync<OrleansLogException>(async () =>
        {
            await foreach (var record in consumer.ConsumeAsync(_patience.Token)) seen.Add(record.Offset);
        });
        Assert.Equal(ErrorCode.CorruptMessage, error.Error);
        Assert.DoesNotContain(seen, static offset => offset >= 10);
    }

    [Fact]
    public async Task A_record_that_cannot_be_read_is_named_and_can_be_passed()
    {
        await ProduceAsync("t", 20);
        await using var consumer = Consumer(static o => o.ValueDeserializer = Serializers.Custom<string?>(
            static (_, _) => { }, static data => data.Span.SequenceEqual("v7"u8) ? throw new FormatException("bad luck") : "fine"));
        consumer.Assign(T0);
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => ReadAsync(consumer, 20));
        Assert.Equal("The record of t-0 at offset 7 cannot be read: bad luck Seek past it to go on.", error.Message);
        Assert.Equal(7, consumer.Position(T0));
        consumer.Seek(T0, LogPosition.At(8));
        Assert.Equal(Range(8, 12), await ReadAsync(consumer, 12));
    }

    [Fact]
    public async Task One_enumeration_at_a_time()
    {
        await ProduceAsync("t", 5);
        await using var consumer = Consumer();
        consumer.Assign(T0);
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => ReadAsync(consumer, 1));
            break;
        }

        Assert.Single(await ReadAsync(consumer, 1));
    }

    [Fact]
    public async Task Cancellation_and_disposal_end_a_waiting_enumeration()
    {
        var consumer = Consumer();
        consumer.Assign(T0);
        using var stop = new CancellationTokenSource();
        var cancelled = Task.Run(async () =>
        {
            await foreach (var record in consumer.ConsumeAsync(stop.Token)) Assert.Fail($"read {record.Offset}");
        });
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        var ended = Task.Run(() => ReadAsync(consumer, 1));
        while (consumer.Position(T0) is null) await Task.Yield();
        await consumer.DisposeAsync().AsTask().WaitAsync(_patience.Token);
        try
        {
            Assert.Empty(await ended.WaitAsync(_patience.Token));
        }
        catch (ObjectDisposedException)
        {
            // It came too late to begin.
        }
    }
}
