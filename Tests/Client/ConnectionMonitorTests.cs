using OrleansLog.Client;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Client;

/// <summary>Which calls are given up when a node is gone.</summary>
public sealed class ConnectionMonitorTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly FakeClock _clock = new();

    [Fact]
    public async Task What_is_repeated_while_not_all_know_of_a_nodes_end_is_given_up_once_more()
    {
        var monitor = new ConnectionMonitor(_clock);
        var before = monitor.Broken;
        monitor.NotifyNodeLost();
        await WhenCancelled(before);

        var soonAfter = monitor.Broken;
        await AdvanceAsync(100);
        var later = monitor.Broken;
        Assert.False(soonAfter.IsCancellationRequested);
        await AdvanceAsync(150);
        await WhenCancelled(soonAfter);
        Assert.False(later.IsCancellationRequested);

        await AdvanceAsync(250);
        await AdvanceAsync(500);
        await WhenCancelled(later);
        await AdvanceAsync(1000);
        var calm = monitor.Broken;
        await AdvanceAsync(1000, last: true);
        Assert.False(calm.IsCancellationRequested);
    }

    private async Task AdvanceAsync(int milliseconds, bool last = false)
    {
        _clock.Advance(milliseconds);
        if (!last) await Task.Run(() => Assert.True(SpinWait.SpinUntil(() => _clock.ArmedTimers == 1, Patience)));
    }

    private static async Task WhenCancelled(CancellationToken token)
    {
        var cancelled = new TaskCompletionSource();
        await using var registration = token.Register(cancelled.SetResult);
        await cancelled.Task.WaitAsync(Patience, CancellationToken.None);
    }
}
