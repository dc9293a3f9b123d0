using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class GroupSimulationTests
{
    [Fact]
    public void Through_any_storm_a_partition_has_one_owner_and_its_offset_never_goes_back()
    {
        var seen = new Dictionary<string, int>();
        for (var seed = 0; seed < 60; seed++)
        {
            var simulation = new GroupSimulation(seed);
            try
            {
                simulation.Run(stormMs: 180_000, calmMs: 120_000);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Seed {seed}: {e.Message}", e);
            }

            foreach (var (what, count) in simulation.Seen) seen[what] = seen.GetValueOrDefault(what) + count;
        }

        // A storm in which nothing of this happened would prove nothing.
        string[] expected = ["fenced", "restart", "append failed", "commit", "commit refused",
            nameof(ErrorCode.FencedMemberEpoch), nameof(ErrorCode.UnknownMemberId), nameof(ErrorCode.StaleMemberEpoch)];
        Assert.All(expected, what => Assert.True(seen.GetValueOrDefault(what) > 5, $"'{what}' hardly happened."));
    }
}
