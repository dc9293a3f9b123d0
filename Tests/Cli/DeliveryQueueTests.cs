using OrleansLog.Cli.Produce;
using OrleansLog.Client;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class DeliveryQueueTests
{
    private readonly DeliveryQueue _queue = new();

    [Fact]
    public async Task Deliveries_are_counted_as_they_end_in_order()
    {
        var first = new BatchDelivery(new TopicPartition("t", 0), static () => { });
        var second = new BatchDelivery(new TopicPartition("t", 1), static () => { });
        for (var i = 0; i < 10_000; i++)
            await _queue.AddAsync(new PendingDelivery(i % 2 == 0 ? first : second, i / 2, 0), default);
        second.Succeed(0, -1);
        _queue.Reap();
        Assert.Equal((0, 10_000), (_queue.Delivered, _queue.Pending)); // the oldest is still under way
        first.Succeed(0, -1);
        await _queue.DrainAsync(default);
        Assert.Equal((10_000, 0, 0), (_queue.Delivered, _queue.Failed, _queue.Pending));
    }

    [Fact]
    public async Task The_first_failure_is_kept_and_all_are_counted()
    {
        var good = new BatchDelivery(new TopicPartition("t", 0), static () => { });
        var bad = new BatchDelivery(new TopicPartition("t", 0), static () => { });
        await _queue.AddAsync(new PendingDelivery(good, 0, 0), default);
        for (var i = 0; i < 100; i++)
            await _queue.AddAsync(new PendingDelivery(bad, i, 0), default);
        await _queue.AddAsync(new PendingDelivery(good, 1, 0), default);
        good.Succeed(0, -1);
        bad.Fail(new OrleansLogException(ErrorCode.RecordTooLarge, "too large"));
        await _queue.DrainAsync(default);
        _queue.AddRefused(new InvalidOperationException());
        Assert.Equal((2, 101, 1), (_queue.Delivered, _queue.Failed, _queue.FirstFailedIndex));
        Assert.Equal(ErrorCode.RecordTooLarge, Assert.IsType<OrleansLogException>(_queue.FirstFailure).Error);
    }

    [Fact]
    public async Task A_record_that_could_not_be_buffered_has_the_number_of_its_turn()
    {
        var batch = new BatchDelivery(new TopicPartition("t", 0), static () => { });
        await _queue.AddAsync(new PendingDelivery(batch, 0, 0), default);
        _queue.AddRefused(new InvalidOperationException("no"));
        Assert.Equal(1, _queue.FirstFailedIndex);
    }

    [Fact]
    public async Task Waiting_can_be_called_off_and_what_is_under_way_stays_counted()
    {
        using var cancellation = new CancellationTokenSource();
        await _queue.AddAsync(new PendingDelivery(new BatchDelivery(new TopicPartition("t", 0), static () => { }), 0, 0), default);
        var drained = _queue.DrainAsync(cancellation.Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => drained);
        Assert.Equal(1, _queue.Pending);
    }
}
