using OrleansLog.Cli.Groups;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Cli;

public sealed class GroupResetPlanTests
{
    private static readonly PartitionOffsets State = new(new TopicPartition("t", 0), Start: 100, End: 200, Committed: 150, AtTime: -1);

    [Theory]
    [InlineData("Earliest", 0, 100)]
    [InlineData("Latest", 0, 200)]
    [InlineData("Offset", 120, 120)]
    [InlineData("Offset", 5, 100)]
    [InlineData("Offset", 5000, 200)]
    [InlineData("Shift", 10, 160)]
    [InlineData("Shift", -10, 140)]
    [InlineData("Shift", -1000, 100)]
    [InlineData("Shift", long.MaxValue, 200)]
    [InlineData("Shift", long.MinValue, 100)]
    [InlineData("Time", 1, 200)]
    public void The_new_offset_lies_within_the_log(string kind, long value, long expected) =>
        Assert.Equal(expected, new OffsetReset(Enum.Parse<OffsetResetKind>(kind), value).Apply(State));

    [Fact]
    public void A_time_means_the_first_record_not_older() =>
        Assert.Equal(170, new OffsetReset(OffsetResetKind.Time, 1).Apply(State with { AtTime = 170 }));

    [Fact]
    public void Shifting_needs_a_committed_offset_and_names_the_partition_without()
    {
        var error = Assert.Throws<FormatException>(() => GroupResetPlan.Make(
            [State, State with { Partition = new TopicPartition("t", 1), Committed = -1 }], new OffsetReset(OffsetResetKind.Shift, 1)));
        Assert.StartsWith("t-1 has no committed offset", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_plan_shows_the_change_and_the_lag_there_will_be()
    {
        var plan = GroupResetPlan.Make(
            [State, State with { Partition = new TopicPartition("t", 1), Committed = -1 }], new OffsetReset(OffsetResetKind.Earliest));
        Assert.Equal([-50, null], plan.Select(static part => part.Change));
        var table = GroupResetCommand.TableOf(plan, "title");
        Assert.Equal(["t", "0", "150", "100", "-50", "100"], table.Rows[0]);
        Assert.Equal(["t", "1", "-", "100", "-", "100"], table.Rows[1]);
    }
}
