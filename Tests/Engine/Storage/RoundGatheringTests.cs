using System.Diagnostics;
using OrleansLog.Engine.Storage;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>How long a round of fsync waits for those that the one before served.</summary>
public sealed class RoundGatheringTests
{
    private const int LongUs = 20_000_000, ShortUs = 100_000;

    [Fact]
    public async Task It_waits_until_as_many_are_there_as_were_served_and_had_come_meanwhile()
    {
        var gathering = Ended(LongUs, served: 3, waiting: 2);
        var waiting = Task.Run(() => gathering.Wait(waiting: 2));
        await WhenGatheringAsync(gathering);
        gathering.Note();
        gathering.Note();
        await Task.Delay(50);
        Assert.False(waiting.IsCompleted);
        gathering.Note();
        await waiting.WaitAsync(TimeSpan.FromMilliseconds(LongUs / 2000));
    }

    [Fact]
    public void It_does_not_wait_when_all_are_there()
    {
        var gathering = Ended(LongUs, served: 1, waiting: 0);
        Assert.InRange(Measure(() => gathering.Wait(waiting: 1)), 0, LongUs / 2);
    }

    [Fact]
    public void It_does_not_wait_when_the_last_round_is_over_for_long()
    {
        var gathering = Ended(ShortUs, served: 3, waiting: 2);
        Thread.Sleep(ShortUs / 400);
        Assert.InRange(Measure(() => gathering.Wait(waiting: 2)), 0, ShortUs / 2);
    }

    [Fact]
    public void It_does_not_wait_where_an_fsync_takes_no_longer_than_the_waking_of_a_thread()
    {
        var gathering = new RoundGathering(LongUs);
        gathering.NoteRound(Stopwatch.GetTimestamp(), served: 3, waiting: 2);
        Assert.InRange(Measure(() => gathering.Wait(waiting: 2)), 0, LongUs / 2);
    }

    [Fact]
    public void Where_nobody_comes_back_it_ends_in_time_and_is_tried_less_and_less_often()
    {
        var gathering = new RoundGathering(ShortUs);
        var waited = new List<int>();
        for (var round = 0; round < 12; round++)
        {
            End(gathering, served: 3, waiting: 2);
            if (Measure(() => gathering.Wait(waiting: 2)) > ShortUs / 2) waited.Add(round);
        }

        Assert.Equal([0, 2, 6], waited);
    }

    private static RoundGathering Ended(int longestWaitUs, int served, int waiting)
    {
        var gathering = new RoundGathering(longestWaitUs);
        End(gathering, served, waiting);
        return gathering;
    }

    // After an fsync that took a minute.
    private static void End(RoundGathering gathering, int served, int waiting) =>
        gathering.NoteRound(Stopwatch.GetTimestamp() - 60 * Stopwatch.Frequency, served, waiting);

    private static double Measure(Action action)
    {
        var started = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(started).TotalMicroseconds;
    }

    private static async Task WhenGatheringAsync(RoundGathering gathering)
    {
        for (var i = 0; i < 1000 && !gathering.IsGathering; i++) await Task.Delay(5);
        Assert.True(gathering.IsGathering);
    }
}
