using OrleansLog.Client;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class AsyncSignalTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_waiter_goes_on_within_the_call_only_where_the_caller_has_no_scheduler_of_its_own(bool hasScheduler)
    {
        using var signal = new AsyncSignal(TimeProvider.System);
        var wokenBy = WaitAsync(signal);
        var scheduler = hasScheduler ? new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler : TaskScheduler.Default;
        var wasWithin = await Task.Factory.StartNew(
            () =>
            {
                signal.Set(inline: true);
                return wokenBy.IsCompleted && wokenBy.Result == TaskScheduler.Current;
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            scheduler).WaitAsync(Limit);
        Assert.Equal(!hasScheduler, wasWithin);
        Assert.Same(TaskScheduler.Default, await wokenBy.WaitAsync(Limit));
    }

    [Fact]
    public async Task A_signal_without_a_waiter_is_kept_for_the_next()
    {
        using var signal = new AsyncSignal(TimeProvider.System);
        signal.Set();
        signal.Set();
        Assert.True(await signal.WaitAsync(Timeout.InfiniteTimeSpan).AsTask().WaitAsync(Limit));
        Assert.False(await signal.WaitAsync(TimeSpan.FromMilliseconds(1)).AsTask().WaitAsync(Limit));
    }

    private static async Task<TaskScheduler> WaitAsync(AsyncSignal signal)
    {
        await signal.WaitAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
        return TaskScheduler.Current;
    }
}
