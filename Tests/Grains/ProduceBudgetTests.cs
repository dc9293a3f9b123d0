using OrleansLog.Grains;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Grains;

public sealed class ProduceBudgetTests
{
    private const int Mebibyte = 1024 * 1024;
    private readonly ProduceBudget _budget = new(
        Microsoft.Extensions.Options.Options.Create(new OrleansLogOptions { MaxInFlightProduceBytes = 2 * Mebibyte }),
        TimeProvider.System);

    [Fact]
    public async Task Who_finds_no_room_waits_in_line_until_there_is()
    {
        await _budget.EnterAsync(Mebibyte, TimeSpan.FromMinutes(1));
        await _budget.EnterAsync(Mebibyte, TimeSpan.FromMinutes(1));
        var large = _budget.EnterAsync(2 * Mebibyte, TimeSpan.FromMinutes(1)).AsTask();
        var small = _budget.EnterAsync(1, TimeSpan.FromMinutes(1)).AsTask();
        _budget.Leave(Mebibyte);
        Assert.False(large.IsCompleted);
        Assert.False(small.IsCompleted);
        _budget.Leave(Mebibyte);
        await large;
        Assert.False(small.IsCompleted);
        _budget.Leave(2 * Mebibyte);
        await small;
        _budget.Leave(1);
        Assert.Equal(0, _budget.Used);
    }

    [Fact]
    public async Task Who_waits_too_long_is_refused_and_those_behind_go_on()
    {
        await _budget.EnterAsync(Mebibyte, TimeSpan.FromMinutes(1));
        var large = _budget.EnterAsync(2 * Mebibyte, TimeSpan.FromMilliseconds(20)).AsTask();
        var small = _budget.EnterAsync(1, TimeSpan.FromMinutes(1)).AsTask();
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => large);
        Assert.Equal(ErrorCode.RequestTimedOut, error.Error);
        Assert.Contains("OrleansLog:MaxInFlightProduceBytes", error.Message, StringComparison.Ordinal);
        await small;
        Assert.Equal(Mebibyte + 1, _budget.Used);
    }

    [Fact]
    public void What_can_never_fit_is_refused_at_once()
    {
        var error = Assert.Throws<OrleansLogException>(() =>
        {
            _ = _budget.EnterAsync((2 * Mebibyte) + 1, TimeSpan.FromMinutes(1)).AsTask();
        });
        Assert.Equal(ErrorCode.RecordListTooLarge, error.Error);
    }
}
