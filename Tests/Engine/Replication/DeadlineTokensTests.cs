using OrleansLog.Engine.Replication;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

public sealed class DeadlineTokensTests
{
    private readonly FakeClock _clock = new();

    [Fact]
    public void Requests_of_one_moment_share_a_timer_and_none_fires_early()
    {
        var tokens = new DeadlineTokens(_clock);
        var first = tokens.After(TimeSpan.FromSeconds(1));
        _clock.Advance(200);
        var second = tokens.After(TimeSpan.FromSeconds(1));
        Assert.Equal(first, second);
        Assert.Equal(1, _clock.ArmedTimers);
        _clock.Advance(999);
        Assert.False(second.IsCancellationRequested);
        _clock.Advance(51);
        Assert.True(second.IsCancellationRequested);
        Assert.Equal(0, _clock.ArmedTimers);
    }

    [Fact]
    public void Another_timeout_or_a_later_moment_has_its_own_timer()
    {
        var tokens = new DeadlineTokens(_clock);
        var first = tokens.After(TimeSpan.FromSeconds(1));
        Assert.NotEqual(first, tokens.After(TimeSpan.FromSeconds(2)));
        _clock.Advance(250);
        Assert.NotEqual(first, tokens.After(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public void Cancelling_ends_those_given_out_and_those_to_come()
    {
        var tokens = new DeadlineTokens(_clock);
        var given = Enumerable.Range(1, 10).Select(s => tokens.After(TimeSpan.FromSeconds(s))).ToArray();
        tokens.CancelAll();
        Assert.All(given, token => Assert.True(token.IsCancellationRequested));
        Assert.True(tokens.After(TimeSpan.FromSeconds(1)).IsCancellationRequested);
        Assert.Equal(0, _clock.ArmedTimers);
    }
}
