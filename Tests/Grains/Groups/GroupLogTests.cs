using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Grains.Groups;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains.Groups;

public sealed class GroupLogTests
{
    private static readonly TopicPartition Logs0 = new("logs", 0);

    private readonly FakeOffsetsPartition _partition = new();
    private readonly FakeGroupCatalog _catalog = new();

    private static OffsetRecord Offset(long offset, string group = "g") =>
        new(group, Logs0.Topic, Logs0.Partition, new GroupOffset(offset, -1, "", 5, TopicId: Guid.NewGuid()));

    private GroupLog NewLog(string group = "g", int maxBatchBytes = 100_000) =>
        new(_partition, _catalog, group, maxBatchBytes, TimeProvider.System);

    private async Task<(GroupLogReader Reader, GroupCoordinator Coordinator)> ReadAsync(string group = "g", GroupLog? takeOver = null)
    {
        var coordinator = new GroupCoordinator(group, new GroupOptions(), TimeProvider.System);
        var reader = new GroupLogReader(_partition, group, coordinator);
        await reader.ReadAsync();
        if (takeOver is not null) await takeOver.TakeOfficeAsync(reader);
        coordinator.CompleteReplay();
        return (reader, coordinator);
    }

    private static long? OffsetOf(GroupCoordinator coordinator) =>
        coordinator.FetchOffsets([Logs0]) is [var found] ? found.Value.Offset : null;

    [Fact]
    public async Task What_waits_while_an_append_is_under_way_goes_into_the_next_one()
    {
        using var log = NewLog();
        var gate = new TaskCompletionSource();
        _partition.BeforeAppend = () => gate.Task;

        var appends = Enumerable.Range(1, 100).Select(i => log.AppendAsync([Offset(i)])).ToList();
        var afterAll = log.AppendAsync([]);
        Assert.DoesNotContain(appends, append => append.IsCompleted);
        Assert.False(afterAll.IsCompleted);
        gate.SetResult();
        await Task.WhenAll([.. appends, afterAll]);

        Assert.Equal(2, _partition.AppendCount);
        Assert.Equal(100, OffsetOf((await ReadAsync()).Coordinator));
        Assert.Equal(["g"], _catalog.Groups);
    }

    [Fact]
    public async Task More_than_a_batch_holds_goes_into_several()
    {
        using var log = NewLog(maxBatchBytes: 1000);
        await log.AppendAsync([.. Enumerable.Range(1, 200).Select(i => Offset(i))]);
        await log.AppendAsync([Offset(201)]);

        Assert.Equal(2, _partition.AppendCount);
        Assert.Equal(201, OffsetOf((await ReadAsync()).Coordinator));
    }

    [Fact]
    public async Task Groups_that_share_a_partition_do_not_see_each_other()
    {
        using GroupLog one = NewLog("one"), two = NewLog("two");
        await one.AppendAsync([Offset(1, "one")]);
        await two.AppendAsync([Offset(2, "two")]);

        Assert.Equal(1, OffsetOf((await ReadAsync("one")).Coordinator));
        Assert.Equal(2, OffsetOf((await ReadAsync("two")).Coordinator));
        Assert.False((await ReadAsync("tw")).Reader.FoundAny);
    }

    [Fact]
    public async Task A_former_coordinator_can_write_no_more_once_another_took_office()
    {
        using GroupLog former = NewLog(), next = NewLog();
        await former.AppendAsync([Offset(1)]);

        var (_, coordinator) = await ReadAsync(takeOver: next);

        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => former.AppendAsync([Offset(2)]));
        Assert.Equal(ErrorCode.CoordinatorNotAvailable, refused.Error);
        Assert.True(former.IsFaulted);
        await next.AppendAsync([Offset(3)]);
        Assert.Equal(1, OffsetOf(coordinator));
        Assert.Equal(3, OffsetOf((await ReadAsync()).Coordinator));
    }

    [Fact]
    public async Task What_a_former_coordinator_wrote_at_the_last_moment_is_read()
    {
        using GroupLog former = NewLog(), next = NewLog();
        await former.AppendAsync([Offset(1)]);
        var coordinator = new GroupCoordinator("g", new GroupOptions(), TimeProvider.System);
        var reader = new GroupLogReader(_partition, "g", coordinator);
        await reader.ReadAsync();
        await former.AppendAsync([Offset(2)]);

        await next.TakeOfficeAsync(reader);

        Assert.Equal(2, OffsetOf(coordinator));
    }

    [Fact]
    public async Task What_a_new_leader_does_not_yet_know_to_be_committed_is_not_taken_for_absent()
    {
        using var log = NewLog();
        await log.AppendAsync([Offset(1)]);
        _partition.KnownCommitted = 0;
        var coordinator = new GroupCoordinator("g", new GroupOptions(), TimeProvider.System);
        var reader = new GroupLogReader(_partition, "g", coordinator);
        var early = await Assert.ThrowsAsync<OrleansLogException>(() => reader.ReadAsync(atLeastTo: 1));
        Assert.Equal(ErrorCode.CoordinatorLoadInProgress, early.Error);

        _partition.KnownCommitted = null;
        await reader.ReadAsync(atLeastTo: 1);
        Assert.Equal(1, OffsetOf(coordinator));
    }

    [Fact]
    public async Task Of_two_that_take_office_at_once_one_writes()
    {
        using (var first = NewLog()) await first.AppendAsync([Offset(1)]);
        using GroupLog one = NewLog(), two = NewLog();
        GroupLogReader ReaderOf() => new(_partition, "g", new GroupCoordinator("g", new GroupOptions(), TimeProvider.System));
        GroupLogReader readerOne = ReaderOf(), readerTwo = ReaderOf();
        await readerOne.ReadAsync();
        await readerTwo.ReadAsync();

        await one.TakeOfficeAsync(readerOne);
        await two.TakeOfficeAsync(readerTwo); // believes in the same next epoch

        await two.AppendAsync([Offset(2)]);
        await Assert.ThrowsAsync<OrleansLogException>(() => one.AppendAsync([Offset(3)]));
        Assert.Equal(2, OffsetOf((await ReadAsync()).Coordinator));
    }

    [Fact]
    public async Task After_an_append_of_unknown_outcome_nothing_is_answered_as_done()
    {
        using var log = NewLog();
        await log.AppendAsync([Offset(1)]);
        _partition.AfterAppend = () => Task.FromException(new TimeoutException("no answer"));

        var unknown = log.AppendAsync([Offset(2)]);
        var waiting = log.AppendAsync([Offset(3)]);

        Assert.Equal(ErrorCode.CoordinatorNotAvailable, (await Assert.ThrowsAsync<OrleansLogException>(() => unknown)).Error);
        Assert.Equal(ErrorCode.CoordinatorNotAvailable, (await Assert.ThrowsAsync<OrleansLogException>(() => waiting)).Error);
        await Assert.ThrowsAsync<OrleansLogException>(() => log.AppendAsync([]));
        Assert.Throws<OrleansLogException>(log.CheckReady);
        await log.WhenIdleAsync();
        _partition.AfterAppend = () => Task.CompletedTask;
        Assert.Equal(2, OffsetOf((await ReadAsync()).Coordinator));
    }

    [Fact]
    public async Task A_partition_that_forgot_the_coordinators_producer_id_takes_its_next_epoch()
    {
        using var log = NewLog();
        await log.AppendAsync([Offset(1)]);
        _partition.ForgetProducers();

        await log.AppendAsync([Offset(2)]);
        await log.AppendAsync([Offset(3)]);

        Assert.Equal(3, OffsetOf((await ReadAsync()).Coordinator));
    }

    [Fact]
    public async Task A_group_too_many_is_told_so()
    {
        using var log = NewLog();
        _catalog.Refusal = new OrleansLogException(ErrorCode.PolicyViolation, "too many groups");

        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => log.AppendAsync([Offset(1)]));
        Assert.Equal(ErrorCode.PolicyViolation, refused.Error);
        Assert.Equal(0, _partition.AppendCount);
    }

    [Fact]
    public async Task A_group_that_ends_is_listed_no_more_and_again_when_it_begins_anew()
    {
        using var log = NewLog();
        await log.AppendAsync([Offset(1)]);
        var gate = new TaskCompletionSource();
        _partition.BeforeAppend = () => gate.Task;

        var ended = log.AppendAsync([Offset(1) with { Value = null }], forget: true);
        var begun = log.AppendAsync([Offset(5)]);
        gate.SetResult();
        await ended;
        await begun;

        Assert.Equal(["g"], _catalog.Groups);
        await log.AppendAsync([], forget: true);
        Assert.Empty(_catalog.Groups);
    }

    [Fact]
    public async Task Too_many_that_wait_are_refused_before_anything_is_changed()
    {
        using var log = NewLog();
        var gate = new TaskCompletionSource();
        _partition.BeforeAppend = () => gate.Task;
        var appends = new List<Task>();
        for (var i = 0; i <= GroupLog.MaxWaiting; i++)
        {
            log.CheckReady();
            appends.Add(log.AppendAsync([Offset(i)]));
        }

        Assert.Equal(ErrorCode.CoordinatorNotAvailable, Assert.Throws<OrleansLogException>(log.CheckReady).Error);
        gate.SetResult();
        await Task.WhenAll(appends);
        log.CheckReady();
    }
}
