using OrleansLog.Grains.Hosting;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class PeriodicWorkTests
{
    private static readonly TimeSpan Often = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_round_that_fails_is_told_of_and_the_next_one_comes()
    {
        using var work = new PeriodicWork(TimeProvider.System);
        var (rounds, failures) = (0, 0);
        var third = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await work.StartAsync(
            Often,
            _ =>
            {
                if (++rounds >= 3) third.TrySetResult();
                return rounds < 3 ? throw new InvalidOperationException("no") : Task.CompletedTask;
            },
            _ => failures++);
        await third.Task.WaitAsync(Long);
        await work.StopAsync().WaitAsync(Long);
        Assert.Equal(2, failures);
        var atStop = rounds;
        await Task.Delay(10 * Often);
        Assert.Equal(atStop, rounds);
    }

    [Fact]
    public async Task A_stop_cancels_the_round_that_is_under_way_and_waits_for_it()
    {
        using var work = new PeriodicWork(TimeProvider.System);
        var (begun, ended) = (new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously), false);
        await work.StartAsync(
            TimeSpan.FromHours(1),
            async stopping =>
            {
                begun.SetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, stopping).ContinueWith(static _ => { }, TaskScheduler.Default);
                ended = true;
                stopping.ThrowIfCancellationRequested();
            },
            static _ => Assert.Fail("A stop is no failure."),
            first: TimeSpan.Zero);
        await begun.Task.WaitAsync(Long);
        Assert.False(ended);
        await work.StopAsync().WaitAsync(Long);
        Assert.True(ended);
    }

    [Fact]
    public async Task A_round_may_be_the_last()
    {
        using var work = new PeriodicWork(TimeProvider.System);
        var rounds = 0;
        await work.StartAsync(
            Often,
            _ =>
            {
                if (++rounds == 2) work.Finish();
                return Task.CompletedTask;
            },
            static _ => Assert.Fail("No round failed."));
        for (var began = DateTime.UtcNow; rounds < 2 && DateTime.UtcNow < began + Long;) await Task.Delay(Often);
        await Task.Delay(20 * Often);
        Assert.Equal(2, rounds);
        await work.StopAsync().WaitAsync(Long);
    }

    [Fact]
    public async Task With_an_interval_of_zero_it_is_off()
    {
        using var work = new PeriodicWork(TimeProvider.System);
        await work.StartAsync(TimeSpan.Zero, static _ => throw new InvalidOperationException(), static _ => Assert.Fail("It ran."), first: TimeSpan.Zero);
        await work.StopAsync().WaitAsync(Long);
    }
}
