using OrleansLog.Grains.Failover;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Grains.Failover;

/// <summary>When a silo whose connection broke is declared dead.</summary>
public sealed class CrashInquiryTests
{
    private readonly ManualTime _time = new();
    private int _looks;
    private int _declared;

    [Fact]
    public async Task A_port_that_all_see_refused_is_declared_at_the_first_look()
    {
        Assert.True(await RunAsync(isRefused: _ => true, isSeenByOthers: _ => true));
        Assert.Equal((1, 1), (_looks, _declared));
        Assert.Equal(TimeSpan.Zero, Elapsed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_process_that_takes_a_while_to_end_is_looked_at_again(bool isSlowHere)
    {
        // The port is open yet at the first two looks, as this node sees it or as another does.
        Assert.True(await RunAsync(isRefused: look => !isSlowHere || look > 2, isSeenByOthers: look => isSlowHere || look > 2));
        Assert.Equal((3, 1), (_looks, _declared));
        Assert.InRange(Elapsed, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(100));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_somebody_reaches_is_not_declared_and_is_left_alone_in_the_end(bool isReachedHere)
    {
        Assert.False(await RunAsync(isRefused: _ => !isReachedHere, isSeenByOthers: _ => isReachedHere));
        Assert.Equal(0, _declared);
        Assert.InRange(_looks, 3, 10);
        Assert.InRange(Elapsed, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
    }

    [Fact]
    public async Task A_declaration_that_fails_is_made_again()
    {
        Assert.True(await RunAsync(isRefused: _ => true, isSeenByOthers: _ => true, isDeclared: () => _declared == 2));
        Assert.Equal(2, _declared);
    }

    [Fact]
    public async Task A_declaration_that_does_not_come_about_is_made_again()
    {
        Assert.True(await RunAsync(isRefused: _ => true, isSeenByOthers: _ => true, isMember: () => _declared < 2));
        Assert.Equal(2, _declared);
        Assert.InRange(Elapsed, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_declaration_that_comes_about_late_is_made_once()
    {
        Assert.True(await RunAsync(
            isRefused: _ => true, isSeenByOthers: _ => true, isMember: () => _declared == 0 || Elapsed < TimeSpan.FromMilliseconds(60)));
        Assert.Equal(1, _declared);
    }

    [Fact]
    public async Task A_silo_that_is_not_a_member_any_more_is_not_looked_at()
    {
        Assert.False(await RunAsync(isRefused: _ => true, isSeenByOthers: _ => true, isMember: () => false));
        Assert.Equal((0, 0), (_looks, _declared));
    }

    private TimeSpan Elapsed => TimeSpan.FromTicks(_time.GetTimestamp() - TimeSpan.TicksPerDay);

    private async Task<bool> RunAsync(
        Func<int, bool> isRefused, Func<int, bool> isSeenByOthers, Func<bool>? isDeclared = null, Func<bool>? isMember = null)
    {
        var inquiry = new CrashInquiry(
            isMember ?? (() => _declared == 0 || isDeclared?.Invoke() == false),
            () => Task.FromResult(isRefused(_looks)),
            () => Task.FromResult(isSeenByOthers(++_looks)),
            _time);
        var run = inquiry.RunAsync(
            () =>
            {
                _declared++;
                return Task.FromResult(isDeclared?.Invoke() ?? true);
            },
            CancellationToken.None);
        while (!run.IsCompleted)
        {
            await Task.WhenAny(run, _time.WhenTimerAsync());
            _time.Advance(TimeSpan.FromMilliseconds(10));
            await Task.Yield();
        }

        return await run;
    }
}
