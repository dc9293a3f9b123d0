using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class PartitionTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Records_and_offsets_outlive_a_stop_and_a_kill_of_the_silo()
    {
        var first = await LogCluster.StartAsync(_data.Path);
        await first.CreateTopicAsync("one", 2);
        await first.CreateTopicAsync("two");
        var produced = await first.Partition("one", 0).Produce(Batches.Request("a", "b"));
        Assert.Equal(0, produced.BaseOffsets.Single());
        await first.Partition("one", 1).Produce(Batches.Request("c"));
        await first.Partition("two", 0).Produce(Batches.Request("d"));
        Assert.Equal(["0:a", "1:b"], await first.Partition("one", 0).ReadAllAsync());
        await first.DisposeAsync();

        var second = await LogCluster.StartAsync(_data.Path);
        var again = await second.Partition("one", 0).Produce(Batches.Request("e"));
        Assert.Equal(2, again.BaseOffsets.Single());
        Assert.True(again.LeaderEpoch > produced.LeaderEpoch);
        await second.KillAsync();

        await using var third = await LogCluster.StartAsync(_data.Path);
        Assert.Equal(["0:a", "1:b", "2:e"], await third.Partition("one", 0).ReadAllAsync());
        Assert.Equal(["0:c"], await third.Partition("one", 1).ReadAllAsync());
        Assert.Equal(["0:d"], await third.Partition("two", 0).ReadAllAsync());
        var described = await third.Partition("one", 0).Describe();
        Assert.True(described.LeaderEpoch > again.LeaderEpoch);
        Assert.Equal((0, 3, 3), (described.LogStartOffset, described.HighWatermark, described.LogEndOffset));
        Assert.Equal([1], described.InSyncReplicas);
    }

    [Fact]
    public async Task What_there_is_not_is_unknown_and_leaves_nothing_behind()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await Refused(ErrorCode.UnknownTopicOrPartition, () => cluster.Partition("none", 0).Produce(Batches.Request("a")));
        await Refused(ErrorCode.UnknownTopicOrPartition, () => cluster.Partition("none", 0).Fetch(new FetchRequest(0, 1000)));
        await cluster.CreateTopicAsync("some");
        await Refused(ErrorCode.UnknownTopicOrPartition, () => cluster.Partition("some", 1).Describe());
        Assert.Empty(Directory.GetDirectories(_data.Path));

        // Once there is, the same grain serves it.
        await cluster.CreateTopicAsync("none");
        await cluster.Grains.GetTopic("some").CreatePartitions(2);
        Assert.Equal(0, (await cluster.Partition("none", 0).Produce(Batches.Request("a"))).BaseOffsets.Single());
        Assert.Equal(0, (await cluster.Partition("some", 1).Produce(Batches.Request("a"))).BaseOffsets.Single());
    }

    [Fact]
    public async Task A_deleted_topic_takes_its_records_along_and_ends_the_wait_for_more()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t", 2);
        var partition = cluster.Partition("t", 0);
        await partition.Produce(Batches.Request("a"));
        await cluster.Partition("t", 1).Produce(Batches.Request("b"));
        var waiting = partition.Fetch(new FetchRequest(1, 1000, MaxWaitMs: 20_000));
        await cluster.Catalog.DeleteTopic("t");
        var ended = await Assert.ThrowsAsync<OrleansLogException>(() => waiting);
        Assert.Contains(ended.Error, (ErrorCode[])[ErrorCode.NotLeaderOrFollower, ErrorCode.UnknownTopicOrPartition]);
        await Refused(ErrorCode.UnknownTopicOrPartition, () => partition.Produce(Batches.Request("c")));
        Assert.Empty(Directory.GetDirectories(_data.Path));

        await cluster.CreateTopicAsync("t", 2);
        Assert.Empty(await partition.ReadAllAsync());
        Assert.Equal(0, (await partition.Produce(Batches.Request("d"))).BaseOffsets.Single());
        // Nobody deletes one partition by itself.
        await Refused(ErrorCode.InvalidRequest, partition.Delete);
        Assert.Equal(["0:d"], await partition.ReadAllAsync());
    }

    [Fact]
    public async Task A_fetch_at_the_end_waits_until_there_is_something()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        var partition = cluster.Partition("t", 0);
        var waiting = partition.Fetch(new FetchRequest(0, 1000, MaxWaitMs: 20_000));
        // The wait does not hold the grain: this comes through.
        await partition.Produce(Batches.Request("a"));
        Assert.Equal(["0:a"], Batches.Read(await waiting));
        var empty = await partition.Fetch(new FetchRequest(1, 1000, MaxWaitMs: 10));
        Assert.Empty(Batches.Read(empty));
        Assert.Equal(1, empty.HighWatermark);
    }

    [Fact]
    public async Task A_long_poll_does_not_hold_up_the_stop_of_the_silo()
    {
        var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        await cluster.Partition("t", 0).Produce(Batches.Request("a"));
        var started = TimeProvider.System.GetTimestamp();
        var waiting = cluster.Partition("t", 0).Fetch(new FetchRequest(1, 1000, MaxWaitMs: 25_000));
        // The call is in the grain once a later one has been answered.
        await cluster.Partition("t", 0).Describe();
        await cluster.DisposeAsync();
        Assert.True(TimeProvider.System.GetElapsedTime(started) < TimeSpan.FromSeconds(20));
        await waiting.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    [Fact]
    public async Task Requests_of_an_idempotent_producer_are_put_in_order_and_taken_once()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        var partition = cluster.Partition("t", 0);
        var second = partition.Produce(Sequenced(1, "b"));
        var third = partition.Produce(Sequenced(2, "c"));
        var first = partition.Produce(Sequenced(0, "a"));
        Assert.Equal(0, (await first).BaseOffsets.Single());
        Assert.Equal(1, (await second).BaseOffsets.Single());
        Assert.Equal(2, (await third).BaseOffsets.Single());
        Assert.Equal(1, (await partition.Produce(Sequenced(1, "b"))).BaseOffsets.Single());
        Assert.Equal(["0:a", "1:b", "2:c"], await partition.ReadAllAsync());

        static ProduceRequest Sequenced(int sequence, string value) =>
            new(Batches.Borrow(Batches.Of([value], producerId: 7, sequence)), -1, 30_000);
    }

    [Fact]
    public async Task What_is_wrong_with_a_request_is_said_and_nothing_is_appended()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        await cluster.Catalog.EnsureInternalTopic("__consumer_offsets");
        var partition = cluster.Partition("t", 0);
        var torn = Batches.Of("a");
        torn[^1] ^= 1;
        await Refused(ErrorCode.CorruptMessage, () => partition.Produce(new(Batches.Borrow(torn), -1, 1000)));
        await Refused(ErrorCode.InvalidRequiredAcks, () => partition.Produce(new(Batches.Borrow(Batches.Of("a")), 2, 1000)));
        await Refused(
            ErrorCode.UnknownLeaderEpoch, () => partition.Produce(Batches.Request("a") with { CurrentLeaderEpoch = 1000 }));
        await Refused(ErrorCode.OffsetOutOfRange, () => partition.Fetch(new FetchRequest(5, 1000)));
        await Refused(ErrorCode.OffsetOutOfRange, () => partition.DeleteRecords(5));
        await Refused(
            ErrorCode.InvalidTopic, () => cluster.Partition("__consumer_offsets", 0).Produce(Batches.Request("a")));
        Assert.Empty(await partition.ReadAllAsync());
    }

    [Fact]
    public async Task A_changed_configuration_reaches_an_open_partition()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        var partition = cluster.Partition("t", 0);
        await partition.Produce(Batches.Request(new string('x', 500)));
        await cluster.Grains.GetTopic("t").AlterConfig(
            new Dictionary<string, string?> { ["max.message.bytes"] = "300" }, validateOnly: false);
        var error = await Refused(ErrorCode.RecordTooLarge, () => partition.Produce(Batches.Request(new string('x', 500))));
        Assert.Contains("300", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offsets_are_found_by_time_and_records_deleted_up_to_one()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        var partition = cluster.Partition("t", 0);
        var noon = new DateTimeOffset(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
        for (var i = 0; i < 3; i++)
        {
            var batch = Batches.Of([$"{i}"], -1, -1, noon.AddMinutes(i));
            await partition.Produce(new(Batches.Borrow(batch), -1, 30_000));
        }

        Assert.Equal(0, (await partition.ListOffsets(OffsetSpec.Earliest)).Offset);
        Assert.Equal(3, (await partition.ListOffsets(OffsetSpec.Latest)).Offset);
        Assert.Equal(2, (await partition.ListOffsets(OffsetSpec.MaxTimestamp)).Offset);
        var found = await partition.ListOffsets(noon.AddSeconds(1).ToUnixTimeMilliseconds());
        Assert.Equal((1, noon.AddMinutes(1).ToUnixTimeMilliseconds()), (found.Offset, found.TimestampMs));
        Assert.Equal(-1, (await partition.ListOffsets(noon.AddHours(1).ToUnixTimeMilliseconds())).Offset);

        var epoch = (await partition.Describe()).LeaderEpoch;
        Assert.Equal(new EpochEndOffset(epoch, 3), await partition.OffsetForLeaderEpoch(epoch));

        Assert.Equal(2, await partition.DeleteRecords(2));
        Assert.Equal(2, (await partition.ListOffsets(OffsetSpec.Earliest)).Offset);
        await Refused(ErrorCode.OffsetOutOfRange, () => partition.Fetch(new FetchRequest(1, 1000)));
        Assert.Equal(["2:2"], await partition.ReadAllAsync(2));
        Assert.Equal(3, await partition.DeleteRecords(-1));
    }

    [Fact]
    public async Task A_partition_that_was_let_go_is_opened_again_on_demand()
    {
        await using var cluster = await LogCluster.StartAsync(_data.Path);
        await cluster.CreateTopicAsync("t");
        var partition = cluster.Partition("t", 0);
        var before = await partition.Produce(Batches.Request("a"));
        await cluster.LetGoAsync(partition);
        var after = await partition.Produce(Batches.Request("b"));
        Assert.Equal(1, after.BaseOffsets.Single());
        Assert.Equal(before.LeaderEpoch + 1, after.LeaderEpoch);
    }

    private static async Task<OrleansLogException> Refused(ErrorCode code, Func<Task> action)
    {
        var error = await Assert.ThrowsAsync<OrleansLogException>(action);
        Assert.True(code == error.Error, $"{error.Error}: {error.Message}");
        return error;
    }
}
