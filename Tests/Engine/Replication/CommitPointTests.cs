using OrleansLog.Engine.Replication;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

public sealed class CommitPointTests
{
    [Fact]
    public void It_only_rises()
    {
        var commit = new CommitPoint(5);
        commit.AdvanceTo(9);
        commit.AdvanceTo(7);
        Assert.Equal(9, commit.Offset);
    }

    [Fact]
    public void A_rise_wakes_all_who_wait_and_only_those()
    {
        var commit = new CommitPoint(0);
        var first = commit.NextAdvance();
        var second = commit.NextAdvance();
        commit.AdvanceTo(0);
        Assert.False(first.IsCompleted);
        commit.AdvanceTo(1);
        Assert.True(first.IsCompletedSuccessfully && second.IsCompletedSuccessfully);
        Assert.False(commit.NextAdvance().IsCompleted);
    }

    [Fact]
    public void Who_waits_for_an_offset_is_woken_when_it_is_there_and_not_before()
    {
        var commit = new CommitPoint(0);
        var waits = new long[] { 5, 3, 9, 3, 7 }.Select(offset => (Offset: offset, Task: commit.WaitAsync(offset, goesOnAnywhere: offset > 4, out _))).ToArray();
        Assert.True(commit.WaitAsync(0, goesOnAnywhere: false, out _).IsCompleted);
        foreach (var raised in (long[])[2, 4, 7, 9])
        {
            commit.AdvanceTo(raised);
            Assert.All(waits, wait => Assert.Equal(wait.Offset <= raised, wait.Task.IsCompletedSuccessfully));
        }
    }

    [Fact]
    public async Task Some_of_those_that_may_go_on_anywhere_go_on_where_the_high_watermark_is_raised_and_others_do_not()
    {
        var commit = new CommitPoint(0);
        var here = Environment.CurrentManagedThreadId;
        var threads = Enumerable.Range(1, 12).Select(i => commit.WaitAsync(i, goesOnAnywhere: i % 2 == 0, out _).ContinueWith(
            _ => Environment.CurrentManagedThreadId, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default)).ToArray();
        // On a thread of its own: none of the pool's is this one.
        var raiser = new Thread(() =>
        {
            here = Environment.CurrentManagedThreadId;
            commit.AdvanceTo(12);
        });
        raiser.Start();
        raiser.Join();
        var ran = await Task.WhenAll(threads);
        Assert.Equal([2, 4, 6, 8], Enumerable.Range(1, 12).Where(i => ran[i - 1] == here));
    }

    [Fact]
    public void Who_waits_no_longer_is_forgotten()
    {
        var commit = new CommitPoint(0);
        var waiters = Enumerable.Range(1, 5).Select(i =>
        {
            commit.WaitAsync(i, goesOnAnywhere: true, out var waiter);
            return waiter!;
        }).ToArray();
        foreach (var i in (int[])[4, 0, 2, 0]) commit.Leave(waiters[i]);
        var late = commit.WaitAsync(6, goesOnAnywhere: true, out _);
        commit.AdvanceTo(2);
        commit.Leave(waiters[1]);
        Assert.False(late.IsCompleted);
        commit.AdvanceTo(6);
        Assert.True(late.IsCompleted);
        Assert.Equal([1, 3], Enumerable.Range(0, 5).Where(i => waiters[i].Task.IsCompleted));
    }

    [Fact]
    public async Task Those_who_wait_for_an_offset_are_woken_to_look_and_fail_when_it_is_closed()
    {
        var commit = new CommitPoint(0);
        var (here, elsewhere) = (commit.WaitAsync(3, goesOnAnywhere: true, out _), commit.WaitAsync(4, goesOnAnywhere: false, out _));
        commit.Wake();
        await Task.WhenAll(here, elsewhere);
        (here, elsewhere) = (commit.WaitAsync(3, goesOnAnywhere: true, out _), commit.WaitAsync(4, goesOnAnywhere: false, out _));
        var reason = new InvalidOperationException("over");
        commit.Close(reason);
        foreach (var wait in (Task[])[here, elsewhere, commit.WaitAsync(3, goesOnAnywhere: true, out _)])
            Assert.Same(reason, await Assert.ThrowsAsync<InvalidOperationException>(() => wait));
    }

    [Fact]
    public void Bytes_count_once_they_are_committed()
    {
        var commit = new CommitPoint(0);
        commit.Appended(10, 100);
        commit.Appended(20, 50);
        Assert.Equal(0, commit.CommittedBytes);
        commit.AdvanceTo(10);
        Assert.Equal(100, commit.CommittedBytes);
        commit.AdvanceTo(20);
        Assert.Equal(150, commit.CommittedBytes);
        commit.Appended(30, 7);
        Assert.Equal(150, commit.CommittedBytes);
        commit.AdvanceTo(30);
        Assert.Equal(157, commit.CommittedBytes);
    }

    [Fact]
    public void An_append_that_anothers_flush_has_covered_counts_at_once()
    {
        var commit = new CommitPoint(0);
        commit.AdvanceTo(10);
        commit.Appended(10, 100);
        Assert.Equal(100, commit.CommittedBytes);
    }

    [Fact]
    public void Bytes_are_exact_in_the_end_however_many_appends_were_in_flight()
    {
        var commit = new CommitPoint(0);
        for (var i = 1; i <= 5000; i++) commit.Appended(i, 1);
        commit.AdvanceTo(500);
        Assert.Equal(500, commit.CommittedBytes);
        commit.AdvanceTo(5000);
        Assert.Equal(5000, commit.CommittedBytes);
    }

    [Fact]
    public async Task Once_closed_it_stays_where_it_is_and_waiters_fail()
    {
        var commit = new CommitPoint(3);
        var wait = commit.NextAdvance();
        var reason = new InvalidOperationException("over");
        commit.Close(reason);
        commit.AdvanceTo(9);
        Assert.Equal(3, commit.Offset);
        Assert.Same(reason, await Assert.ThrowsAsync<InvalidOperationException>(() => wait));
        await Assert.ThrowsAsync<InvalidOperationException>(commit.NextAdvance);
    }
}
