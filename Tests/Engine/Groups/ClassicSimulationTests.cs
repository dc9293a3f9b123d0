using Xunit;

namespace OrleansLog.Tests.Engine.Groups;

public sealed class ClassicSimulationTests
{
    [Fact]
    public void Through_any_storm_a_generation_has_one_leader_and_one_assignment_and_offsets_never_go_back()
    {
        var seen = new Dictionary<string, int>();
        for (var seed = 0; seed < 60; seed++)
        {
            var simulation = new ClassicSimulation(seed);
            try
            {
                simulation.Run(stormMs: 180_000, calmMs: 180_000);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"Seed {seed}: {e.Message}", e);
            }

            foreach (var (what, count) in simulation.Seen) seen[what] = seen.GetValueOrDefault(what) + count;
        }

        // A storm in which nothing of this happened would prove nothing.
        string[] expected = ["join None", "join MemberIdRequired", "join UnknownMemberId", "sync None", "sync RebalanceInProgress",
            "sync UnknownMemberId", "heartbeat RebalanceInProgress", "heartbeat UnknownMemberId", "join FencedInstanceId", "commit",
            "commit IllegalGeneration", "commit UnknownMemberId", "restart", "append failed", "timeout"];
        Assert.All(expected, what => Assert.True(seen.GetValueOrDefault(what) > 5, $"'{what}' hardly happened: "
            + string.Join(", ", seen.OrderBy(entry => entry.Key).Select(entry => $"{entry.Key} {entry.Value}"))));
    }
}
