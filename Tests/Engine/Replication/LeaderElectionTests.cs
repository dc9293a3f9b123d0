using OrleansLog.Engine.Replication;
using OrleansLog.Engine.Storage;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>Who leads next.</summary>
public sealed class LeaderElectionTests
{
    private static readonly PartitionState s_state = new(4, 1, [1, 2], [1, 2, 3]) { Version = 7 };

    [Fact]
    public void The_first_live_in_sync_replica_leads_in_the_next_epoch_and_the_dead_leave()
    {
        var next = LeaderElection.Choose(s_state, Set(2, 3), Set(), uncleanAllowed: true)!;
        Assert.Equal((5, 2, 8), (next.LeaderEpoch, next.Leader, next.Version));
        Assert.Equal([2], next.Isr);
        Assert.Equal([1, 2, 3], next.Replicas);
    }

    [Fact]
    public void A_replica_that_is_not_in_sync_leads_only_where_that_is_allowed()
    {
        Assert.Null(LeaderElection.Choose(s_state, Set(3), Set(), uncleanAllowed: false));
        var unclean = LeaderElection.Choose(s_state, Set(3), Set(), uncleanAllowed: true)!;
        Assert.Equal(3, unclean.Leader);
        Assert.Equal([3], unclean.Isr);
    }

    [Fact]
    public void A_damaged_replica_leads_only_when_nobody_else_is_in_sync_dead_or_alive()
    {
        Assert.Null(LeaderElection.Choose(s_state, Set(1), Set(1), uncleanAllowed: false, Set(1)));
        var alone = s_state with { Isr = [1] };
        Assert.Null(LeaderElection.Choose(alone, Set(1, 3), Set(1), uncleanAllowed: false));
        Assert.Equal(1, LeaderElection.Choose(alone, Set(1, 3), Set(1), uncleanAllowed: false, Set(1))!.Leader);
    }

    [Fact]
    public void Only_an_in_sync_replica_is_handed_over_to_and_the_others_stay_in_sync()
    {
        Assert.Null(LeaderElection.HandOver(s_state, 3));
        var next = LeaderElection.HandOver(s_state, 2)!;
        Assert.Equal((5, 2), (next.LeaderEpoch, next.Leader));
        Assert.Equal([1, 2], next.Isr);
    }

    [Fact]
    public void A_leader_that_is_about_to_stop_leaves_the_others_in_sync_if_they_are_enough()
    {
        Assert.Equal([2], LeaderElection.HandOver(s_state, 2, isLeaving: true)!.Isr);
        Assert.Equal([1, 2], LeaderElection.HandOver(s_state, 2, isLeaving: true, minInSync: 2)!.Isr);
        Assert.Equal([1, 2], LeaderElection.HandOver(s_state, 1, isLeaving: true)!.Isr);
    }

    [Fact]
    public void Those_that_left_below_the_minimum_lead_when_nobody_in_sync_can()
    {
        var alone = new PartitionState(4, 1, [1, 2, 3], [1, 2, 3]).WithIsr([1], minInSync: 2);
        Assert.Equal([2, 3], alone.Eligible);
        Assert.Null(LeaderElection.Choose(alone, Set(2), Set(2), uncleanAllowed: false));
        Assert.Equal(1, LeaderElection.Choose(alone, Set(1, 2, 3), Set(), uncleanAllowed: false)!.Leader);

        foreach (var next in (PartitionState[])
            [LeaderElection.Choose(alone, Set(2, 3), Set(), uncleanAllowed: false)!, LeaderElection.Take(alone, 2, Set(2, 3))])
        {
            Assert.Equal((5, 2, 1), (next.LeaderEpoch, next.Leader, next.Version));
            Assert.Equal([2, 3], next.Isr);
            Assert.Empty(next.Eligible);
        }

        Assert.Equal([3], LeaderElection.Choose(alone, Set(2, 3), Set(2), uncleanAllowed: false)!.Isr);
        // The leader's process was started anew.
        var again = LeaderElection.Take(alone, 1, Set(1, 2, 3));
        Assert.Equal((5, 1), (again.LeaderEpoch, Assert.Single(again.Isr)));
        Assert.Empty(again.Eligible);
    }

    [Fact]
    public void Nobody_is_eligible_with_enough_in_sync_or_who_lost_something_or_where_the_flush_is_relaxed()
    {
        var all = new PartitionState(4, 1, [1, 2, 3], [1, 2, 3]);
        Assert.Empty(all.WithIsr([1, 2], minInSync: 2).Eligible);
        Assert.Equal([3], all.WithIsr([1], minInSync: 2, Set(2)).Eligible);
        Assert.Equal([3], all.WithIsr([1], minInSync: 2).WithIsr([1], minInSync: 2, Set(2)).Eligible);
        Assert.Empty(all.WithIsr([1], minInSync: 2).WithIsr([1, 3], minInSync: 2).Eligible);
        // All there are are in sync, be the minimum what it may.
        Assert.Empty(all.WithIsr([1], minInSync: 2).WithIsr([1, 2, 3], minInSync: 9).Eligible);
        Assert.Empty(all.WithIsr([1], (LogConfig.Default with { MinInsyncReplicas = 2, FlushMessages = 100 }).EligibleBelow).Eligible);
        Assert.Equal([2, 3], all.WithIsr([1], (LogConfig.Default with { MinInsyncReplicas = 2 }).EligibleBelow).Eligible);
        Assert.Same(all, all.WithIsr([1, 2, 3], minInSync: 2));
    }

    private static HashSet<int> Set(params int[] nodes) => [.. nodes];

    [Fact]
    public void An_office_is_passed_on_to_the_next_in_sync_replica_and_nobody_is_taken_out()
    {
        var state = new PartitionState(5, 2, [1, 2, 4], [1, 2, 3, 4]) { Eligible = [3] };
        var all = new HashSet<int> { 1, 2, 3, 4 };
        Assert.Equal([2, 4, 4, 1], all.Select(from => LeaderElection.PassOn(state, from, all)!.Leader));
        Assert.Equal(1, LeaderElection.PassOn(state, 2, new HashSet<int> { 1, 2, 3 })!.Leader);
        Assert.Equal(3, LeaderElection.PassOn(state, 2, new HashSet<int> { 2, 3 })!.Leader);
        Assert.Null(LeaderElection.PassOn(state, 2, new HashSet<int> { 2 }));
        var next = LeaderElection.PassOn(state, 2, new HashSet<int> { 2, 3 })!;
        Assert.Equal(6, next.LeaderEpoch);
        Assert.Equal([1, 2, 4], next.Isr);
        Assert.Equal([3], next.Eligible);
        Assert.Equal([3], LeaderElection.Take(next, 3, new HashSet<int> { 2, 3 }).Isr);
    }
}
