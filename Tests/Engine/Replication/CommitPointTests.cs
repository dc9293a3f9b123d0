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
