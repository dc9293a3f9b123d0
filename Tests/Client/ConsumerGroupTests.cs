using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class ConsumerGroupTests : IDisposable
{
    private static readonly TopicPartition P0 = new("t", 0), P1 = new("t", 1), P2 = new("t", 2);
    private readonly FakeCluster _cluster = new FakeCluster().WithTopic("t", 3);
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(30));

    private FakeGroup Group => _cluster.Group("g");

    public void Dispose() => _patience.Dispose();

    private Consumer<string?, string?> Consumer(Action<ConsumerOptions<string?, string?>>? configure = null)
    {
        var options = new ConsumerOptions<string?, string?>
        {
            GroupId = "g",
            AutoOffsetReset = AutoOffsetReset.Earliest,
            AutoCommitIntervalMs = 600_000,
            RetryBackoffMs = 5,
            PartitionsAssigned = (_, partitions, _) => Note("assigned", partitions),
            PartitionsRevoked = (_, partitions, _) => Note("revoked", partitions),
            PartitionsLost = (_, partitions, _) => Note("lost", partitions),
        };
        configure?.Invoke(options);
        return _cluster.Connect().CreateConsumer(options);
    }

    // What is owned is said again until it was heard; when that is, is the heartbeats' own affair.
    private static bool IsHeartbeat(string what) => what.StartsWith("owns", StringComparison.Ordinal);

    private ValueTask Note(string what, IReadOnlyList<TopicPartition> partitions)
    {
        Group.Record($"{what} {string.Join(' ', partitions)}");
        return default;
    }

    private async Task ProduceAsync(int count, params int[] partitions)
    {
        await using var producer = _cluster.Connect().CreateProducer<string?, string?>();
        foreach (var partition in partitions)
        {
            for (var i = 0; i < count; i++)
                await producer.EnqueueAsync(new ProducerRecord<string?, string?>("t", null, $"{i}") { Partition = partition });
        }
    }

    private async Task ReadAsync(Consumer<string?, string?> consumer, int count)
    {
        if (count == 0) return;
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            if (--count == 0) break;
        }
    }

    [Fact]
    public async Task A_partition_is_named_as_owned_while_it_is_still_being_added()
    {
        await using var consumer = Consumer();
        Group.OnJoin = [P0];
        var release = Group.HoldFetches();
        var named = Group.WhenHeartbeat(static h => h is { MemberEpoch: > 0, OwnedPartitions: [{ Partition: 0 }] });
        consumer.Subscribe("t");
        await named; // its offset is not known yet: were it left out, the coordinator would take it for given up
        Assert.False(Group.Happened($"assigned {P0}"));
        release();
        await ProduceAsync(1, 0);
        await ReadAsync(consumer, 1);
        Assert.True(Group.Happened($"assigned {P0}"));
    }

    [Fact]
    public async Task After_a_failed_heartbeat_and_after_each_assignment_a_member_says_again_what_it_owns()
    {
        await ProduceAsync(1, 0);
        await using var consumer = Consumer();
        Group.OnJoin = [P0];
        consumer.Subscribe("t");
        await ReadAsync(consumer, 1);
        // Heartbeats without a change name nothing; only then can the next ones be told from them.
        await Group.WhenHeartbeat(static h => h is { MemberEpoch: > 0, OwnedPartitions: null });
        var again = Group.WhenHeartbeat(static h => h.OwnedPartitions is [{ Partition: 0 }]);
        Group.FailNext(new TimeoutException("no answer"));
        await again;

        await Group.WhenHeartbeat(static h => h is { MemberEpoch: > 0, OwnedPartitions: null });
        again = Group.WhenHeartbeat(static h => h.OwnedPartitions is [{ Partition: 0 }]);
        Group.Assign(consumer.MemberId, P0);
        await again;
    }

    [Fact]
    public async Task A_member_reads_from_the_committed_offsets_and_commits_what_is_processed_when_it_leaves()
    {
        await ProduceAsync(10, 0, 1);
        Group.OnJoin = [P0, P1];
        Group.Committed[P0] = 4;
        var consumer = Consumer();
        consumer.Subscribe("t");
        await ReadAsync(consumer, 16); // the last of them is not processed: nobody asked for the next
        await consumer.DisposeAsync();
        Assert.Equal(19, Group.Committed[P0] + Group.Committed[P1]);
        Assert.Equal("assigned t-0 t-1", Group.Events.First(static e => !IsHeartbeat(e)));
        Assert.Equal(["revoked t-0 t-1", "leave -1"], Group.Events.TakeLast(2));
        Assert.Equal(["t"], Group.Heartbeats[0].SubscribedTopics);
    }

    [Fact]
    public async Task A_group_that_other_tools_reset_to_no_offset_begins_anew()
    {
        await ProduceAsync(3, 0);
        Group.OnJoin = [P0];
        Group.Committed[P0] = -2;
        await using var consumer = Consumer();
        consumer.Subscribe("t");
        await ReadAsync(consumer, 3);
    }

    [Fact]
    public async Task A_commit_by_hand_includes_the_current_record()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        await using var consumer = Consumer(static o => o.EnableAutoCommit = false);
        consumer.Subscribe("t");
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            if (record.Offset == 2) await consumer.CommitAsync(record);
            if (record.Offset == 2) Assert.Equal(3, Group.Committed[P0]);
            if (record.Offset == 5) break;
        }

        await consumer.CommitAsync();
        Assert.Equal(6, Group.Committed[P0]);
        Assert.Equal(6, (await consumer.CommittedAsync([P0, P1])).Single().Value);
    }

    [Fact]
    public async Task Positions_are_committed_by_themselves()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        await using var consumer = Consumer(static o => o.AutoCommitIntervalMs = 5);
        consumer.Subscribe("t");
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            if (record.Offset < 4) continue;
            while (!Group.Happened("commit t-0@4")) await Task.Delay(1, _patience.Token);
            break;
        }

        Assert.Equal(4, Group.Committed[P0]); // record 4 itself is not processed yet
    }

    [Fact]
    public async Task A_partition_is_given_up_only_after_its_records_are_processed_and_committed()
    {
        await ProduceAsync(1_000, 0, 1);
        Group.OnJoin = [P0, P1];
        await using var consumer = Consumer();
        consumer.Subscribe("t");
        var handedOut = new Dictionary<int, long> { [0] = -1, [1] = -1 };
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(_patience.Token);
        var givenUp = Group.WhenHeartbeat(static h => h is { MemberEpoch: > 0, OwnedPartitions: [{ Partition: 0 }] });
        var reading = Task.Run(async () =>
        {
            await foreach (var record in consumer.ConsumeAsync(stop.Token))
            {
                Assert.False(Group.Happened("revoked t-1") && record.Partition == 1, "handed out after it was given up");
                handedOut[record.Partition] = record.Offset;
                if (handedOut[1] != 10 || record.Partition != 1) continue;
                Group.Assign(consumer.MemberId, P0);
                await Group.WhenHeartbeat(static h => h.MemberEpoch == 2);
                await Group.WhenHeartbeat(static h => h.MemberEpoch == 2); // told, and this record is still being processed
                Assert.False(Group.Happened("revoked t-1"));
            }
        });
        await givenUp;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);

        var events = Group.Events.SkipWhile(static e => !e.StartsWith("commit", StringComparison.Ordinal)).ToList();
        Assert.Equal([$"commit t-1@{handedOut[1] + 1}", "revoked t-1"], events.Where(static e => !IsHeartbeat(e)).Take(2));
        Assert.Contains("owns t-0", events.SkipWhile(static e => e != "revoked t-1"));
        Assert.Equal([P0], consumer.Assignment);
    }

    [Fact]
    public async Task Without_an_enumeration_a_rebalance_goes_on_all_the_same()
    {
        Group.OnJoin = [P0];
        await using var consumer = Consumer();
        consumer.Subscribe("t");
        await Group.WhenRecorded("assigned t-0");
        var owned = Group.WhenHeartbeat(static h => h.OwnedPartitions is [{ Partition: 1 }, { Partition: 2 }]);
        Group.Assign(consumer.MemberId, P1, P2);
        await owned;
        await Group.WhenRecorded("assigned t-1 t-2");
        Assert.Equal([P1, P2], consumer.Assignment);
        Assert.Equal(["assigned t-0", "revoked t-0", "assigned t-1 t-2"], Group.Events.Where(static e => !IsHeartbeat(e)));
    }

    [Fact]
    public async Task A_member_that_is_no_longer_known_loses_its_partitions_and_joins_again()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        await using var consumer = Consumer();
        consumer.Subscribe("t");
        var seen = new List<long>();
        var rejoined = Task.CompletedTask;
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            seen.Add(record.Offset);
            if (seen.Count == 3)
            {
                Group.Committed[P0] = 1; // another member's
                rejoined = Group.WhenHeartbeat(static h => h.MemberEpoch == 0);
                Group.Forget(consumer.MemberId);
                await rejoined;
            }

            if (seen.Count == 6) break;
        }

        Assert.Equal([0, 1, 2, 1, 2, 3], seen);
        Assert.Equal(
            ["assigned t-0", "lost t-0", "assigned t-0"],
            Group.Events.Where(static e => e.StartsWith("assigned", StringComparison.Ordinal) || e.StartsWith("lost", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_commit_waits_for_the_members_new_epoch()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        await using var consumer = Consumer(static o => o.EnableAutoCommit = false);
        consumer.Subscribe("t");
        await ReadAsync(consumer, 5);
        Group.Assign(consumer.MemberId, P0); // raises the epoch, which the member learns by its next heartbeat
        await consumer.CommitAsync(_patience.Token);
        Assert.Equal(5, Group.Committed[P0]);
    }

    [Fact]
    public async Task A_member_that_is_refused_says_why()
    {
        Group.FailNext(new OrleansLogException(ErrorCode.UnreleasedInstanceId, "in use"));
        await using var consumer = Consumer(static o => o.GroupInstanceId = "i");
        consumer.Subscribe("t");
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => ReadAsync(consumer, 1));
        Assert.Equal(ErrorCode.UnreleasedInstanceId, error.Error);
    }

    [Fact]
    public async Task A_static_member_leaves_for_a_while()
    {
        Group.OnJoin = [P0];
        var consumer = Consumer(static o => o.GroupInstanceId = "i");
        var joined = Group.WhenHeartbeat(static h => h is { MemberEpoch: > 0, InstanceId: "i" });
        consumer.Subscribe("t");
        await joined;
        await consumer.DisposeAsync();
        Assert.Equal("leave -2", Group.Events[^1]);
    }

    [Fact]
    public async Task A_handler_may_seek_before_the_first_record()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        await using var consumer = Consumer(static o => o.PartitionsAssigned = static (consumer, partitions, _) =>
        {
            foreach (var partition in partitions) consumer.Seek(partition, LogPosition.At(6));
            return default;
        });
        consumer.Subscribe("t");
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            Assert.Equal(6, record.Offset);
            break;
        }
    }

    [Fact]
    public async Task Unsubscribing_gives_everything_up_and_allows_assigning_by_hand()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        await using var consumer = Consumer();
        consumer.Subscribe("t");
        await ReadAsync(consumer, 3);
        Assert.Throws<InvalidOperationException>(() => consumer.Assign(P1));
        await consumer.UnsubscribeAsync(_patience.Token);
        Assert.Equal(["commit t-0@2", "revoked t-0", "leave -1"], Group.Events.TakeLast(3));
        consumer.Assign(P0);
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            Assert.Equal(2, record.Offset); // from the committed offset
            break;
        }
    }

    [Fact]
    public async Task Leaving_from_within_the_loop_does_not_wait_for_it()
    {
        await ProduceAsync(10, 0);
        Group.OnJoin = [P0];
        var consumer = Consumer();
        consumer.Subscribe("t");
        await foreach (var record in consumer.ConsumeAsync(_patience.Token))
        {
            if (record.Offset == 3) await consumer.DisposeAsync().AsTask().WaitAsync(_patience.Token);
        }

        Assert.Equal("leave -1", Group.Events[^1]);
        Assert.Equal(3, Group.Committed[P0]);
    }

    [Fact]
    public async Task The_admin_client_tells_a_groups_lag()
    {
        await ProduceAsync(10, 0, 1);
        Group.Committed[P0] = 4;
        Group.OnJoin = [P1];
        var joined = Group.WhenHeartbeat(static h => h.MemberEpoch > 0);
        await using var consumer = Consumer();
        consumer.Subscribe("t");
        await joined;
        var offsets = await _cluster.Connect().Admin.ListGroupOffsetsAsync("g");
        Assert.Equal([(P0, 4, 6), (P1, -1, null)], offsets.Select(static o => (o.Partition, o.Offset, o.Lag)));
        Assert.Equal([null, consumer.MemberId], offsets.Select(static o => o.MemberId));
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => _cluster.Connect().Admin.ListGroupOffsetsAsync("nobody"));
        Assert.Equal(ErrorCode.GroupIdNotFound, error.Error);
    }

    [Fact]
    public async Task A_reset_by_time_beyond_the_last_record_means_the_end()
    {
        await ProduceAsync(10, 0);
        var offsets = await _cluster.Connect().Admin.ResetGroupOffsetsAsync(
            "g", [P0, P1], LogPosition.AtTime(DateTimeOffset.UtcNow.AddHours(1)));
        Assert.Equal(10, offsets[P0]);
        Assert.Equal((10, 0), (Group.Committed[P0], Group.Committed[P1]));
    }
}
