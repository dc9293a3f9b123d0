using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class ProducerTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);
    private readonly FakeCluster _cluster = new FakeCluster().WithTopic("t").WithTopic("six", 6);

    private Producer<string?, string?> Producer(Action<ProducerOptions<string?, string?>>? configure = null)
    {
        var options = new ProducerOptions<string?, string?> { RetryBackoffMs = 1, RetryBackoffMaxMs = 5 };
        configure?.Invoke(options);
        return _cluster.Connect().CreateProducer(options);
    }

    [Fact]
    public async Task A_delivery_says_where_its_own_record_is()
    {
        await using var producer = Producer();
        Assert.Equal(0, (await producer.ProduceAsync("t", null, "a")).Offset);
        var second = await producer.EnqueueAsync("t", null, "b");
        var third = await producer.EnqueueAsync("t", null, "c");
        Assert.Equal(new TopicPartition("t", 0), (await third).Partition);
        Assert.Equal(2, (await third).Offset); // may be asked twice
        Assert.Equal(1, (await second).Offset);
        Assert.Equal(["a", "b", "c"], _cluster["t"].Read().Select(static r => r.Value));
    }

    [Fact]
    public async Task A_record_keeps_its_own_time_headers_and_nulls()
    {
        await using var producer = Producer();
        var time = DateTimeOffset.FromUnixTimeMilliseconds(1_600_000_000_123);
        var metadata = await producer.ProduceAsync(new ProducerRecord<string?, string?>("t", "k", null)
        {
            Timestamp = time,
            Headers = [new RecordHeader("h", new byte[] { 1 })],
        });
        Assert.Equal(time.ToUnixTimeMilliseconds(), metadata.TimestampMs);
        Assert.Equal((0, "k", null), Assert.Single(_cluster["t"].Read()));
        Assert.Equal(time.ToUnixTimeMilliseconds(), _cluster["t"].Stored[0].MaxTimestamp);
    }

    [Fact]
    public async Task Records_gather_while_a_request_is_in_flight()
    {
        var gate = new TaskCompletionSource();
        _cluster["t"].BeforeAppend = (number, _) => number == 1 ? gate.Task : Task.CompletedTask;
        await using var producer = Producer();
        var first = await producer.EnqueueAsync("t", null, "first");
        await Eventually(() => _cluster["t"].Arrived.Count == 1);
        for (var i = 0; i < 100; i++) await producer.EnqueueAsync("t", null, "x");
        Assert.Single(_cluster["t"].Arrived);
        gate.SetResult();
        await first;
        await producer.FlushAsync();
        Assert.Equal([1, 100], _cluster["t"].Stored.Select(static h => h.RecordCount));
    }

    [Fact]
    public async Task A_stream_that_nobody_waits_for_is_gathered_and_sent_when_somebody_does()
    {
        var time = new ManualTime();
        var gate = new TaskCompletionSource();
        _cluster["t"].BeforeAppend = (number, _) => number == 1 ? gate.Task : Task.CompletedTask;
        await using var producer = _cluster.Connect(time).CreateProducer(new ProducerOptions<string?, string?>());
        await producer.EnqueueAsync("t", null, "first");
        await Eventually(() => _cluster["t"].Arrived.Count == 1);
        PendingDelivery last = default;
        for (var i = 0; i < 100; i++) last = await producer.EnqueueAsync("t", null, new string('x', 100));
        gate.SetResult();
        await Eventually(() => _cluster["t"].EndOffset == 1);
        await producer.EnqueueAsync("t", null, "one more");
        Assert.Single(_cluster["t"].Arrived);
        await last.AsTask().WaitAsync(Long);
        Assert.Equal([1, 101], _cluster["t"].Stored.Select(static h => h.RecordCount));
    }

    [Fact]
    public async Task A_full_batch_does_not_wait_for_linger_and_flush_does_not_either()
    {
        await using var producer = Producer(static o => (o.LingerMs, o.BatchSize) = (60_000, 1_000));
        var deliveries = new List<PendingDelivery>();
        for (var i = 0; i < 25; i++) deliveries.Add(await producer.EnqueueAsync("t", null, new string('x', 90)));
        await deliveries[0].AsTask().WaitAsync(Long);
        Assert.False(deliveries[^1].IsCompleted);
        await producer.FlushAsync().AsTask().WaitAsync(Long);
        Assert.True(deliveries[^1].IsCompleted);
        Assert.All(_cluster["t"].Stored, static h => Assert.InRange(h.SizeInBytes, 61, 1_000));
    }

    [Fact]
    public async Task Linger_gathers_what_comes_within_it()
    {
        var time = new ManualTime();
        await using var producer = _cluster.Connect(time).CreateProducer(new ProducerOptions<string?, string?> { LingerMs = 50 });
        var first = await producer.EnqueueAsync("t", null, "a");
        await producer.EnqueueAsync("t", null, "b");
        await time.WhenTimerAsync().WaitAsync(Long);
        Assert.Empty(_cluster["t"].Arrived);
        time.Advance(TimeSpan.FromMilliseconds(60));
        await first.AsTask().WaitAsync(Long);
        Assert.Equal([2], _cluster["t"].Stored.Select(static h => h.RecordCount));
    }

    [Fact]
    public async Task A_key_chooses_the_partition_that_Kafka_would()
    {
        await using var producer = Producer();
        foreach (var key in new[] { "21", "foobar", "a-little-bit-long-string" })
        {
            var metadata = await producer.ProduceAsync("six", key, "v");
            Assert.Equal(Murmur2.Partition(System.Text.Encoding.UTF8.GetBytes(key), 6), metadata.Partition.Partition);
        }
    }

    [Fact]
    public async Task Records_without_a_key_fill_one_partition_after_the_other()
    {
        await using var producer = Producer(static o => o.BatchSize = 1_000);
        var partitions = new List<int>();
        for (var i = 0; i < 120; i++) partitions.Add((await producer.ProduceAsync("six", null, new string('x', 100))).Partition.Partition);
        Assert.Equal(6, partitions.Distinct().Count());
        Assert.InRange(partitions.Zip(partitions.Skip(1)).Count(static p => p.First != p.Second), 10, 13);
    }

    [Fact]
    public async Task A_lost_answer_is_asked_for_again_and_the_record_stored_once()
    {
        _cluster["t"].AfterAppend = static (number, _) => number == 1 ? throw new TimeoutException("lost") : Task.CompletedTask;
        await using var producer = Producer();
        Assert.Equal(0, (await producer.ProduceAsync("t", null, "a")).Offset);
        Assert.Equal(1, (await producer.ProduceAsync("t", null, "b")).Offset);
        Assert.Equal(2, _cluster["t"].EndOffset);
        Assert.Equal(_cluster["t"].Arrived[0], _cluster["t"].Arrived[1] with { BaseOffset = 0 });
    }

    [Fact]
    public async Task An_answer_is_not_waited_for_when_the_connection_breaks()
    {
        var arrived = new TaskCompletionSource();
        _cluster["t"].AfterAppend = (number, _) =>
        {
            arrived.TrySetResult();
            return number == 1 ? new TaskCompletionSource().Task : Task.CompletedTask;
        };
        await using var producer = Producer();
        var delivery = await producer.EnqueueAsync("t", null, "a");
        await arrived.Task.WaitAsync(Long);
        _cluster.Connection.NotifyGatewayCountChanged(0, 1, false);
        Assert.Equal(0, (await delivery.AsTask().WaitAsync(TimeSpan.FromSeconds(10))).Offset); // the request timeout is 15 s
        Assert.Equal(1, _cluster["t"].EndOffset);
    }

    [Fact]
    public async Task What_is_in_flight_behind_a_refused_batch_follows_it_in_order()
    {
        _cluster["t"].BeforeAppend = static (number, _) => number == 2
            ? throw new OrleansLogException(ErrorCode.NotEnoughReplicas, "too few") : Task.CompletedTask;
        await using var producer = Producer(static o => o.BatchSize = 200);
        var values = Enumerable.Range(0, 50).Select(static i => $"{i,100}").ToList();
        foreach (var value in values) await producer.EnqueueAsync("t", null, value);
        await producer.FlushAsync();
        Assert.Equal(values, _cluster["t"].Read().Select(static r => r.Value));
        Assert.All(_cluster["t"].Stored, static h => Assert.Equal(0, h.ProducerEpoch)); // no number was ever changed
    }

    [Fact]
    public async Task A_delivery_timeout_tells_what_the_leader_said_before_it_fell_silent()
    {
        _cluster["t"].BeforeAppend = static (number, _) => number == 1
            ? throw new OrleansLogException(ErrorCode.KafkaStorageError, "no space left") : new TaskCompletionSource().Task;
        await using var producer = Producer(static o => (o.RequestTimeoutMs, o.DeliveryTimeoutMs) = (1_000, 1_500));
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => producer.ProduceAsync("t", null, "a").AsTask().WaitAsync(Long));
        Assert.Equal(ErrorCode.RequestTimedOut, error.Error);
        Assert.Contains("refused with KafkaStorageError: no space left", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_delivery_timeout_fails_the_batch_and_numbering_starts_anew()
    {
        _cluster["t"].BeforeAppend = static (number, _) => number <= 2 ? new TaskCompletionSource().Task : Task.CompletedTask;
        await using var producer = Producer(static o => (o.RequestTimeoutMs, o.DeliveryTimeoutMs) = (50, 100));
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => producer.ProduceAsync("t", null, "a").AsTask().WaitAsync(Long));
        Assert.Equal(ErrorCode.RequestTimedOut, error.Error);
        Assert.Contains("may be stored all the same", error.Message, StringComparison.Ordinal);
        await Task.Delay(60);
        Assert.Equal(0, (await producer.ProduceAsync("t", null, "b")).Offset);
        Assert.Equal((1, 0), (_cluster["t"].Stored[0].ProducerEpoch, _cluster["t"].Stored[0].BaseSequence));
    }

    [Fact]
    public async Task A_batch_that_is_refused_for_good_leaves_no_hole()
    {
        _cluster["t"].BeforeAppend = static (number, _) => number == 2
            ? throw new OrleansLogException(ErrorCode.InvalidRecord, "no key") : Task.CompletedTask;
        await using var producer = Producer(static o => o.BatchSize = 200);
        var deliveries = new List<PendingDelivery>();
        for (var i = 0; i < 20; i++) deliveries.Add(await producer.EnqueueAsync("t", null, $"{i,100}"));
        await producer.FlushAsync();
        var failed = 0;
        foreach (var delivery in deliveries)
        {
            try
            {
                await delivery;
            }
            catch (OrleansLogException exception) when (exception.Error == ErrorCode.InvalidRecord)
            {
                failed++;
            }
        }

        Assert.Equal(_cluster["t"].Arrived[1].RecordCount, failed);
        var stored = _cluster["t"].Read().Select(static r => int.Parse(r.Value!, System.Globalization.CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(20 - failed, stored.Count);
        Assert.Equal(stored.Order(), stored);
    }

    [Fact]
    public async Task A_leader_that_forgot_the_producer_is_told_anew()
    {
        await using var producer = Producer();
        await producer.ProduceAsync("t", null, "a");
        _cluster["t"].ForgetProducers();
        Assert.Equal(1, (await producer.ProduceAsync("t", null, "b").AsTask().WaitAsync(Long)).Offset);
        Assert.Equal([0, 1], _cluster["t"].Stored.Select(static h => (int)h.ProducerEpoch));
    }

    [Fact]
    public async Task Buffered_bytes_are_bounded_and_producing_waits()
    {
        var gate = new TaskCompletionSource();
        _cluster["t"].BeforeAppend = (_, _) => gate.Task;
        await using var producer = Producer(static o => (o.MaxRequestSize, o.BatchSize, o.BufferMemory) = (65_536, 16_384, 65_536));
        var record = new ProducerRecord<string?, string?>("t", null, new string('x', 1_000));
        await producer.EnqueueAsync(record);
        var buffered = 1;
        while (producer.TryEnqueue(record, out _)) buffered++;
        Assert.InRange(buffered, 50, 80);
        var waiting = producer.EnqueueAsync(record).AsTask();
        Assert.False(waiting.IsCompleted);
        gate.SetResult();
        await (await waiting.WaitAsync(Long));
        await producer.FlushAsync();
        Assert.Equal(buffered + 1, _cluster["t"].EndOffset);
    }

    [Fact]
    public async Task Waiting_for_room_ends_after_MaxBlockMs()
    {
        var gate = new TaskCompletionSource();
        _cluster["t"].BeforeAppend = (_, _) => gate.Task;
        await using var producer = Producer(static o =>
            (o.MaxRequestSize, o.BatchSize, o.BufferMemory, o.MaxBlockMs) = (65_536, 16_384, 65_536, 20));
        var record = new ProducerRecord<string?, string?>("t", null, new string('x', 1_000));
        await producer.EnqueueAsync(record);
        while (producer.TryEnqueue(record, out _)) { }
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => producer.EnqueueAsync(record).AsTask());
        Assert.Equal(ErrorCode.RequestTimedOut, error.Error);
        gate.SetResult();
    }

    [Fact]
    public async Task Disposal_sends_what_is_buffered_and_ends()
    {
        var producer = Producer(static o => o.LingerMs = 60_000);
        var delivery = await producer.EnqueueAsync("t", null, "a");
        await producer.DisposeAsync().AsTask().WaitAsync(Long);
        Assert.Equal(0, (await delivery).Offset);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => producer.EnqueueAsync("t", null, "b").AsTask());
    }

    [Fact]
    public async Task What_cannot_be_sent_is_refused_by_name()
    {
        _cluster.WithTopic("small", 1, ("max.message.bytes", "500"));
        await using var producer = Producer();
        var unknown = await Assert.ThrowsAsync<OrleansLogException>(() => producer.ProduceAsync("nowhere", null, "a").AsTask());
        Assert.Equal((ErrorCode.UnknownTopicOrPartition, "Topic 'nowhere' does not exist."), (unknown.Error, unknown.Message));
        var partition = await Assert.ThrowsAsync<OrleansLogException>(
            () => producer.ProduceAsync(new ProducerRecord<string?, string?>("t", null, "a") { Partition = 3 }).AsTask());
        Assert.Equal("Topic 't' has 1 partitions; there is no partition 3.", partition.Message);
        var large = await Assert.ThrowsAsync<OrleansLogException>(
            () => producer.ProduceAsync("small", null, new string('x', 501)).AsTask());
        Assert.Equal(ErrorCode.RecordTooLarge, large.Error);
        await producer.ProduceAsync("small", null, "fits");
    }

    [Fact]
    public async Task Without_idempotence_one_batch_is_in_flight_at_a_time()
    {
        var inFlight = 0;
        var most = 0;
        _cluster["t"].BeforeAppend = async (_, header) =>
        {
            Assert.False(header.HasProducerId);
            most = Math.Max(most, Interlocked.Increment(ref inFlight));
            await Task.Yield();
            Interlocked.Decrement(ref inFlight);
        };
        await using var producer = Producer(static o => (o.Acks, o.BatchSize) = (Acks.Leader, 200));
        for (var i = 0; i < 100; i++) await producer.EnqueueAsync("t", null, $"{i,100}");
        await producer.FlushAsync();
        Assert.Equal(1, most);
        Assert.Equal(100, _cluster["t"].EndOffset);
    }

    [Fact]
    public async Task A_partition_that_was_added_is_found()
    {
        await using var producer = Producer();
        await producer.ProduceAsync("t", null, "a");
        _cluster.WithTopic("t", 2);
        Assert.Equal(1, (await producer.ProduceAsync(
            new ProducerRecord<string?, string?>("t", null, "a") { Partition = 1 })).Partition.Partition);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Through_any_mix_of_failures_records_are_stored_once_and_in_order(int seed)
    {
        var dice = new Random(seed);
        _cluster.WithTopic("f", 3);
        for (var p = 0; p < 3; p++)
        {
            var partition = _cluster["f", p];
            partition.BeforeAppend = (_, _) => Mishap(20);
            partition.AfterAppend = (_, _) => Mishap(20);
        }

        await using var producer = Producer(static o => o.BatchSize = 400);
        const int count = 3_000;
        for (var i = 0; i < count; i++) await producer.EnqueueAsync("f", $"{i % 7}", $"{i,6}");
        await producer.FlushAsync().AsTask().WaitAsync(Long);
        var total = 0;
        Assert.All(_cluster["f", 0].Stored, static h => Assert.Equal(0, h.ProducerEpoch)); // nothing was lost, so nothing renumbered
        for (var p = 0; p < 3; p++)
        {
            var values = _cluster["f", p].Read().Select(static r => r.Value!).ToList();
            Assert.Equal(values.Order(StringComparer.Ordinal), values);
            Assert.Equal(values.Count, values.Distinct().Count());
            total += values.Count;
        }

        Assert.Equal(count, total);

        async Task Mishap(int percent)
        {
            int roll, kind;
            lock (dice) (roll, kind) = (dice.Next(100), dice.Next(5));
            if (roll >= percent) return;
            switch (kind)
            {
                case 0: throw new TimeoutException();
                case 1: throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, "moved");
                case 2: throw new Orleans.Runtime.SiloUnavailableException("gone");
                case 3: await Task.Yield(); break;
                default: await Task.Delay(2); break;
            }
        }
    }

    [Fact]
    public void Options_that_contradict_each_other_are_refused_by_name()
    {
        var error = Assert.Throws<ArgumentException>(() => Producer(static o => (o.EnableIdempotence, o.Acks) = (true, Acks.Leader)));
        Assert.Contains("EnableIdempotence", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => Producer(static o => o.DeliveryTimeoutMs = 10));
        Assert.Contains("DeliveryTimeoutMs is 10; it must lie between 15000", error.Message, StringComparison.Ordinal);
    }

    private static async Task Eventually(Func<bool> condition)
    {
        var patience = System.Diagnostics.Stopwatch.StartNew();
        while (!condition())
        {
            Assert.True(patience.Elapsed < Long);
            await Task.Yield();
        }
    }
}
