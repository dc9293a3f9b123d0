using System.Diagnostics;
using OrleansLog.Engine.Storage;
using Xunit;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>How long a round of fsync waits for those that the one before served.</summary>
public sealed class RoundGatheringTests
{
    private const int LongUs = 60_000_000;

    [Fact]
    public async Task It_waits_until_as_many_are_there_as_were_served_and_had_come_meanwhile()
    {
        var gathering = new RoundGathering(LongUs);
        var waiting = 2;
        End(gathering, served: 3, waiting);
        var wait = Task.Run(() => gathering.Wait(() => Volatile.Read(ref waiting)));
        await WhenGatheringAsync(gathering);
        Come();
        Come();
        await Task.Delay(50);
        Assert.False(wait.IsCompleted);
        Come();
        await wait.WaitAsync(TimeSpan.FromMicroseconds(LongUs / 2));

        void Come()
        {
            Interlocked.Increment(ref waiting);
            gathering.Note();
        }
    }

    [Fact]
    public async Task Notes_of_others_do_not_end_the_wait_and_those_who_come_without_one_are_seen()
    {
        var gathering = new RoundGathering(LongUs);
        var waiting = 0;
        End(gathering, served: 2, waiting);
        var wait = Task.Run(() => gathering.Wait(() => Volatile.Read(ref waiting)));
        await WhenGatheringAsync(gathering);
        for (var i = 0; i < 10; i++) gathering.Note();
        await Task.Delay(50);
        Assert.False(wait.IsCompleted);
        Volatile.Write(ref waiting, 2);
        for (var i = 0; i < 10; i++) gathering.Note();
        await wait.WaitAsync(TimeSpan.FromMicroseconds(LongUs / 2));
    }

    [Fact]
    public void Those_of_the_round_before_may_still_be_on_their_way()
    {
        var gathering = new RoundGathering(longestWaitUs: 300_000);
        End(gathering, served: 3, waiting: 2);
        End(gathering, served: 2, waiting: 1);
        Assert.True(Waits(gathering, waiting: 4));
        End(gathering, served: 2, waiting: 1);
        Assert.False(Waits(gathering, waiting: 3));
    }

    [Fact]
    public void It_does_not_wait_when_all_are_there()
    {
        var gathering = new RoundGathering(longestWaitUs: 300_000);
        End(gathering, served: 1, waiting: 0);
        Assert.False(Waits(gathering, waiting: 1));
    }

    [Fact]
    public void It_does_not_wait_after_a_short_round()
    {
        var gathering = new RoundGathering(longestWaitUs: 300_000, shortestRoundUs: int.MaxValue);
        End(gathering, served: 3, waiting: 2);
        Assert.False(Waits(gathering, waiting: 2));
    }

    [Fact]
    public void It_does_not_wait_when_the_last_round_is_over_for_long()
    {
        var gathering = new RoundGathering(longestWaitUs: 200_000);
        End(gathering, served: 3, waiting: 2);
        Thread.Sleep(450);
        Assert.False(Waits(gathering, waiting: 2));
    }

    [Fact]
    public void Where_nobody_comes_back_it_is_tried_less_and_less_often_and_more_often_again_where_they_do()
    {
        var gathering = new RoundGathering(longestWaitUs: 500_000);
        var waited = new List<int>();
        for (var round = 0; round < 7; round++)
        {
            End(gathering, served: 3, waiting: 2);
            if (Waits(gathering, waiting: 2)) waited.Add(round);
        }

        Assert.Equal([0, 2, 6], waited);
        waited.Clear();
        for (var round = 0; round < 16; round++)
        {
            End(gathering, served: 3, waiting: 2);
            if (Waits(gathering, waiting: 2, comes: 5)) waited.Add(round);
        }

        // After seven, three and one more that do not wait, each does.
        Assert.Equal([7, 11, 13, 14, 15], waited);
    }

    // Whether it looked once more than it has to; after a round that took a minute.
    private static bool Waits(RoundGathering gathering, int waiting, int comes = 0)
    {
        var looks = 0;
        gathering.Wait(() => looks++ == 0 ? waiting : Math.Max(waiting, comes));
        return looks > 1;
    }

    private static void End(RoundGathering gathering, int served, int waiting) =>
        gathering.NoteRound(Stopwatch.GetTimestamp() - (60 * Stopwatch.Frequency), served, waiting);

    private static async Task WhenGatheringAsync(RoundGathering gathering)
    {
        for (var i = 0; i < 1000 && !gathering.IsGathering; i++) await Task.Delay(5);
        Assert.True(gathering.IsGathering);
    }
}
