using OrleansLog.Engine.Replication;
using OrleansLog.Grains.Partitions;
using OrleansLog.Grains.Storage;
using Xunit;

namespace OrleansLog.Tests.Grains;

/// <summary>Offices as they are stored.</summary>
public sealed class PartitionOfficeTests
{
    [Fact]
    public void What_an_older_version_stored_has_nobody_eligible_and_is_not_being_moved()
    {
        var office = new StateSerializer().Deserialize<PartitionOffice>(new BinaryData(
            """{"topicId":"0b7d2fd2-3c0c-4b6e-8a3e-0d8d0a3b1c11","leaderEpoch":4,"version":7,"leader":1,"inSyncReplicas":[1,2],"replicas":[1,2,3]}"""));
        var state = office.ToState();
        Assert.Equal((4, 7, 1), (state.LeaderEpoch, state.Version, state.Leader));
        Assert.Equal([1, 2], state.Isr);
        Assert.Empty(state.Eligible);
        Assert.Empty(state.Former);
        Assert.Empty(state.Target);
        Assert.Null(LeaderElection.Choose(state, new HashSet<int> { 3 }, new HashSet<int>(), uncleanAllowed: false));
    }

    [Fact]
    public void A_state_is_stored_and_read_as_it_was()
    {
        var state = new PartitionState(4, 1, [1], [4, 1, 2]) { Version = 9, Eligible = [2], Former = [1, 2], Target = [4, 1] };
        var serializer = new StateSerializer();
        var read = serializer.Deserialize<PartitionOffice>(serializer.Serialize(new PartitionOffice().With(state))).ToState();
        Assert.Equal((4, 1, 9), (read.LeaderEpoch, read.Leader, read.Version));
        Assert.Equal(
            (string[])["1", "2", "4 1 2", "1 2", "4 1"],
            ((IReadOnlyList<int>[])[read.Isr, read.Eligible, read.Replicas, read.Former, read.Target]).Select(nodes => string.Join(' ', nodes)));
    }
}
