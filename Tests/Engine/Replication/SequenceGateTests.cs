using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

public sealed class SequenceGateTests
{
    [Theory]
    [InlineData(0, -1, 0, 0, false)] // unknown producer, from the start
    [InlineData(5, -1, 0, 0, true)] // unknown producer, in the middle
    [InlineData(10, 9, 0, 0, false)] // next
    [InlineData(11, 9, 0, 0, true)] // one missing
    [InlineData(9, 9, 0, 0, false)] // a duplicate
    [InlineData(0, 9, 0, 0, false)] // an old one
    [InlineData(0, 9, 0, 1, false)] // a new epoch, from the start
    [InlineData(4, 9, 0, 1, true)] // a new epoch, in the middle
    [InlineData(99, 9, 1, 0, false)] // an old epoch
    [InlineData(0, int.MaxValue, 0, 0, false)] // wrapped around
    [InlineData(3, int.MaxValue, 0, 0, true)]
    [InlineData(3, int.MaxValue - 2, 0, 0, true)]
    [InlineData(int.MaxValue, 3, 0, 0, false)] // behind, across the wrap
    [InlineData(0, -1, 3, 3, false)] // an epoch that only a marker has told of
    [InlineData(1, -1, 3, 3, true)]
    public void Ahead_is_what_would_leave_a_gap(int firstSequence, int lastKnown, short knownEpoch, short epoch, bool isAhead)
    {
        ProducerSummary? known = lastKnown < 0 && knownEpoch == 0 ? null : new ProducerSummary(1, knownEpoch, lastKnown, 0, 0, -1);
        Assert.Equal(isAhead, SequenceGate.IsAhead(Header(1, firstSequence, epoch), known));
    }

    [Fact]
    public void Requests_come_out_when_their_turn_has_come()
    {
        var gate = new SequenceGate(PartitionLeaderOptions.Default);
        var third = gate.TryPark(new byte[10], Header(1, 30))!;
        var second = gate.TryPark(new byte[10], Header(1, 20))!;
        Assert.Null(gate.TakeNext(1, Known(9)));
        Assert.Null(gate.TakeNext(2, Known(19)));
        Assert.Same(second, gate.TakeNext(1, Known(19)));
        Assert.Null(gate.TakeNext(1, Known(28)));
        Assert.Same(third, gate.TakeNext(1, Known(29)));
        Assert.True(gate.IsEmpty);
    }

    [Fact]
    public void Each_producer_has_its_bound_and_all_have_one_together()
    {
        var gate = new SequenceGate(new PartitionLeaderOptions { MaxParkedRequestsPerProducer = 2, MaxParkedBytes = 100 });
        var first = gate.TryPark(new byte[40], Header(1, 10))!;
        Assert.NotNull(gate.TryPark(new byte[10], Header(1, 20)));
        Assert.Null(gate.TryPark(new byte[10], Header(1, 30)));
        Assert.Null(gate.TryPark(new byte[60], Header(2, 10)));
        Assert.True(gate.Remove(first));
        Assert.False(gate.Remove(first));
        Assert.NotNull(gate.TryPark(new byte[60], Header(2, 10)));
    }

    private static ProducerSummary Known(int lastSequence) => new(1, 0, lastSequence, 0, 0, -1);

    private static RecordBatchHeader Header(long producerId, int firstSequence, short epoch = 0) =>
        new(0, 100, 0, 2, 0, 0, 9, 0, 0, producerId, epoch, firstSequence, 10);
}
