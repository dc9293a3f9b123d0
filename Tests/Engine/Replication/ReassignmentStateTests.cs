using OrleansLog.Engine.Replication;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Engine.Replication;

/// <summary>The states that a reassignment goes through.</summary>
public sealed class ReassignmentStateTests
{
    private static readonly PartitionState s_start = new(3, 1, [1, 2, 3], [1, 2, 3]);

    [Fact]
    public void Old_and_new_are_replicas_meanwhile_those_that_stay_first()
    {
        var state = Reassignment.Begin(s_start, [4, 2, 3]);
        Assert.Equal([4, 2, 3, 1], state.Replicas);
        Assert.Equal([4], state.Adding);
        Assert.Equal([1], state.Removing);
        Assert.Equal([1, 2, 3], state.Isr);
        Assert.Same(state, Reassignment.Begin(state, [4, 2, 3]));
        Assert.Same(s_start, Reassignment.Begin(s_start, [1, 2, 3]));
    }

    [Fact]
    public void It_ends_when_the_added_are_in_sync_and_a_leader_that_goes_has_handed_over()
    {
        var state = Reassignment.Begin(s_start, [4, 2, 3]);
        Assert.Null(Reassignment.Complete(state, 2));
        Assert.Null(Reassignment.FindHeir(state, 2));
        state = state with { Isr = [1, 2, 3, 4] };
        Assert.Null(Reassignment.Complete(state, 2));
        Assert.Equal(4, Reassignment.FindHeir(state, 2));
        state = LeaderElection.HandOver(state, 4)!;
        Assert.Null(Reassignment.FindHeir(state, 2));
        var ended = Reassignment.Complete(state, 2)!;
        Assert.Equal([4, 2, 3], ended.Replicas);
        Assert.Equal([2, 3, 4], ended.Isr);
        Assert.False(ended.IsReassigning);
        Assert.Empty(ended.Removing);
    }

    [Fact]
    public void It_does_not_end_below_the_minimum_of_in_sync_replicas()
    {
        var state = Reassignment.Begin(s_start, [1, 2]) with { Isr = [1, 3] };
        Assert.Null(Reassignment.Complete(state, 2));
        Assert.Equal([1, 2], Reassignment.Complete(state with { Isr = [1, 3, 2] }, 2)!.Isr);
        // More than there will be replicas cannot be waited for.
        Assert.NotNull(Reassignment.Complete(state with { Isr = [1, 2] }, 3));
        // A replica that is away and is to stay need not be waited for.
        Assert.Equal([1, 4], Reassignment.Complete(Reassignment.Begin(s_start, [1, 2, 4]) with { Isr = [1, 3, 4] }, 2)!.Isr);
    }

    [Fact]
    public void Given_up_it_goes_back_and_what_joined_goes_again()
    {
        var state = Reassignment.Cancel(Reassignment.Begin(s_start, [4, 5, 3]) with { Isr = [1, 2, 3, 4], Leader = 4 });
        Assert.Equal([1, 2, 3], state.Target);
        Assert.Equal([4, 5], state.Removing);
        Assert.Equal(1, Reassignment.FindHeir(state, 2));
        Assert.Equal([1, 2, 3], Reassignment.Complete(state with { Leader = 1 }, 2)!.Replicas);
        Assert.Equal(
            ErrorCode.NoReassignmentInProgress, Assert.Throws<OrleansLogException>(() => Reassignment.Cancel(s_start)).Error);
    }

    [Fact]
    public void Another_target_replaces_the_first_and_what_was_to_be_added_still_has_to_join()
    {
        var state = Reassignment.Begin(Reassignment.Begin(s_start, [1, 2, 4]), [1, 4, 5]);
        Assert.Equal([1, 2, 3], state.Former);
        Assert.Equal([4, 5], state.Adding);
        Assert.Equal([2, 3], state.Removing.Order());
        Assert.Null(Reassignment.Complete(state with { Isr = [1, 2, 3, 5] }, 2));
        Assert.NotNull(Reassignment.Complete(state with { Isr = [1, 2, 4, 5] }, 2));
    }

    [Fact]
    public void An_unclean_election_falls_on_a_replica_that_was_there_before()
    {
        var state = Reassignment.Begin(s_start, [4, 1, 2]) with { Isr = [1] };
        Assert.Null(LeaderElection.Choose(state, new HashSet<int> { 2, 4 }, new HashSet<int>(), uncleanAllowed: false));
        Assert.Equal(2, LeaderElection.Choose(state, new HashSet<int> { 2, 4 }, new HashSet<int>(), uncleanAllowed: true)!.Leader);
        Assert.Equal(4, LeaderElection.Choose(state, new HashSet<int> { 4 }, new HashSet<int>(), uncleanAllowed: true)!.Leader);
    }

    [Fact]
    public void Another_order_is_a_reassignment_that_is_over_at_once()
    {
        var ended = Reassignment.Complete(Reassignment.Begin(s_start, [3, 1, 2]), 2)!;
        Assert.Equal([3, 1, 2], ended.Replicas);
        Assert.Equal(s_start.Isr, ended.Isr);
    }

    [Theory]
    [InlineData(new int[0])]
    [InlineData(new[] { 1, 1 })]
    [InlineData(new[] { -1 })]
    public void What_is_no_set_of_nodes_is_refused(int[] target) => Assert.Equal(
        ErrorCode.InvalidReplicaAssignment, Assert.Throws<OrleansLogException>(() => Reassignment.Begin(s_start, target)).Error);
}
