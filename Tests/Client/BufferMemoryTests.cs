using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Client;

public sealed class BufferMemoryTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Who_waits_is_served_in_turn_and_nobody_passes()
    {
        var memory = new BufferMemory(100, TimeProvider.System);
        Assert.True(memory.TryReserve(100));
        var first = memory.ReserveAsync(60, Long, default).AsTask();
        var second = memory.ReserveAsync(10, Long, default).AsTask();
        memory.Release(50);
        Assert.False(memory.TryReserve(1)); // though there is room for it
        Assert.False(second.IsCompleted);
        memory.Release(20);
        await first.WaitAsync(Long);
        await second.WaitAsync(Long);
        Assert.Equal(0, memory.Free);
    }

    [Fact]
    public async Task Who_gives_up_leaves_its_turn_to_the_next()
    {
        var memory = new BufferMemory(100, TimeProvider.System);
        Assert.True(memory.TryReserve(90));
        using var stop = new CancellationTokenSource();
        var first = memory.ReserveAsync(50, Long, stop.Token).AsTask();
        var second = memory.ReserveAsync(10, Long, default).AsTask();
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await second.WaitAsync(Long);
        Assert.Equal(0, memory.Free);
    }

    [Fact]
    public async Task Waiting_ends_with_a_clear_error()
    {
        var memory = new BufferMemory(100, TimeProvider.System);
        Assert.True(memory.TryReserve(100));
        var error = await Assert.ThrowsAsync<OrleansLogException>(
            () => memory.ReserveAsync(1, TimeSpan.FromMilliseconds(5), default).AsTask());
        Assert.Equal(ErrorCode.RequestTimedOut, error.Error);
        Assert.Contains("100 bytes of BufferMemory", error.Message, StringComparison.Ordinal);
    }
}
