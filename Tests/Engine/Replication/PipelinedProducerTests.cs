using System.Globalization;
using OrleansLog.Engine.Replication;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>Requests of an idempotent producer that overtake each other on their way to the leader.</summary>
public sealed class PipelinedProducerTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private readonly TestLog _test = new();
    private readonly PartitionLeader _leader;

    public PipelinedProducerTests() =>
        _leader = new PartitionLeader(_test.Log, PartitionState.Single(1, 0), 1, _test.Clock);

    public void Dispose() => _test.Dispose();

    [Fact]
    public async Task Five_in_flight_arrive_in_any_order_and_are_appended_in_theirs()
    {
        var random = new Random(3);
        for (var producer = 0; producer < 40; producer++)
        {
            var arrival = Enumerable.Range(0, 5).ToArray();
            random.Shuffle(arrival);
            var start = _test.Log.LogEndOffset;
            var appends = arrival.ToDictionary(i => i, i => Append(producer, i * 10, 10));
            foreach (var i in arrival) Assert.Equal(start + (i * 10), (await appends[i]).BaseOffsets[0]);
            Assert.Equal(
                Enumerable.Range(0, 50).Select(i => i.ToString(CultureInfo.InvariantCulture)),
                TestLog.Records(_test.Log, start).Select(record => record.Value));
        }

        _test.Clock.Advance(s_timeout + TimeSpan.FromSeconds(1));
        Assert.Equal(0, _test.Clock.ArmedTimers);
    }

    [Fact]
    public async Task A_long_stream_with_a_window_of_five_keeps_its_order_under_random_delays()
    {
        var random = new Random(11);
        var inFlight = new List<int>();
        var appends = new List<Task<ProduceOutcome>>();
        for (var next = 0; next < 400 || inFlight.Count > 0;)
        {
            while (inFlight.Count < 5 && next < 400) inFlight.Add(next++);
            // A producer's window moves on only when its oldest request is answered.
            var at = random.Next(inFlight.Count);
            appends.Add(Append(1, inFlight[at]));
            if (at == 0) await appends[^1];
            inFlight.RemoveAt(at);
            if (inFlight.Count > 0 && next - inFlight[0] >= 5)
            {
                appends.Add(Append(1, inFlight[0]));
                inFlight.RemoveAt(0);
                await appends[^1];
            }
        }

        await Task.WhenAll(appends);
        Assert.Equal(
            Enumerable.Range(0, 400).Select(i => i.ToString(CultureInfo.InvariantCulture)),
            TestLog.Records(_test.Log).Select(record => record.Value));
    }

    [Fact]
    public async Task A_gap_that_does_not_close_is_refused_after_a_bounded_time()
    {
        await Append(1, 0);
        var ahead = Append(1, 2);
        _test.Clock.Advance(1999);
        Assert.False(ahead.IsCompleted);
        _test.Clock.Advance(2);
        var refusal = await Assert.ThrowsAsync<OrleansLogException>(() => ahead);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, refusal.Error);
        Assert.Contains("sequence number 2", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("last one there is 0", refusal.Message, StringComparison.Ordinal);
        // What was given up is not appended later.
        await Append(1, 1);
        Assert.Equal(2, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task The_requests_own_timeout_holds_if_it_is_shorter()
    {
        await Append(1, 0);
        var ahead = _leader.AppendAsync(TestLog.Sequenced(1, 5), -1, TimeSpan.FromMilliseconds(100)).AsTask();
        _test.Clock.Advance(100);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, (await Assert.ThrowsAsync<OrleansLogException>(() => ahead)).Error);
    }

    [Fact]
    public async Task Of_an_unknown_producer_only_sequence_0_is_taken()
    {
        var ahead = Append(9, 40);
        _test.Clock.Advance(2000);
        Assert.Equal(ErrorCode.UnknownProducerId, (await Assert.ThrowsAsync<OrleansLogException>(() => ahead)).Error);
        Assert.Equal(0, _test.Log.LogEndOffset);
        await Append(9, 0);
    }

    [Fact]
    public async Task A_sixth_request_ahead_is_refused_at_once()
    {
        await Append(1, 0);
        var parked = Enumerable.Range(2, 5).Select(i => Append(1, i)).ToArray();
        Assert.Equal(
            ErrorCode.OutOfOrderSequenceNumber, (await Assert.ThrowsAsync<OrleansLogException>(() => Append(1, 7))).Error);
        await Append(1, 1);
        await Task.WhenAll(parked);
        Assert.Equal(7, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task A_retry_of_a_request_that_still_waits_is_answered_with_the_same_offset()
    {
        var second = Append(1, 1);
        var retried = Append(1, 1);
        await Append(1, 0);
        Assert.Equal(1, Assert.Single((await second).BaseOffsets));
        Assert.Equal(1, Assert.Single((await retried).BaseOffsets));
        Assert.Equal(2, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task A_cancelled_request_leaves_the_queue()
    {
        using var cancel = new CancellationTokenSource();
        var ahead = _leader.AppendAsync(TestLog.Sequenced(1, 1), -1, s_timeout, cancellationToken: cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ahead);
        await Append(1, 0);
        Assert.Equal(1, _test.Log.LogEndOffset);
    }

    [Fact]
    public async Task One_that_the_log_refuses_when_its_turn_comes_fails_alone()
    {
        var corrupt = TestLog.Sequenced(1, 1);
        corrupt[^1] ^= 1;
        var second = _leader.AppendAsync(corrupt, -1, s_timeout).AsTask();
        await Append(1, 0);
        Assert.Equal(ErrorCode.CorruptMessage, (await Assert.ThrowsAsync<OrleansLogException>(() => second)).Error);
        await Append(1, 1);
    }

    [Fact]
    public async Task A_new_epoch_begins_with_sequence_0_and_may_arrive_out_of_order_too()
    {
        await Append(1, 0, 3);
        var second = Append(1, 1, epoch: 1);
        await Append(1, 0, epoch: 1);
        Assert.Equal(4, Assert.Single((await second).BaseOffsets));
        var fenced = Append(1, 3, epoch: 0);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, (await Assert.ThrowsAsync<OrleansLogException>(() => fenced)).Error);
    }

    private Task<ProduceOutcome> Append(long producer, int sequence, int count = 1, short epoch = 0) =>
        _leader.AppendAsync(TestLog.Sequenced(producer, sequence, count, epoch), -1, s_timeout).AsTask();
}
