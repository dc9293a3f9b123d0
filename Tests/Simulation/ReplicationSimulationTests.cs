using System.Diagnostics;
using System.Globalization;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Simulation;

/// <summary>
/// Seeds of the simulated cluster. <c>ORLEANSLOG_SIM_SEED=n</c> runs one and prints its trace; <c>ORLEANSLOG_SIM_SECONDS=n</c> runs
/// as many as fit that time, from a start that is drawn and printed.
/// </summary>
public sealed class ReplicationSimulationTests(ITestOutputHelper output)
{
    private const int UsualSeeds = 3000, SeedsToFindABug = 1000;
    private static readonly TimeSpan s_usualLimit = TimeSpan.FromSeconds(50);

    [Fact]
    public void Every_promise_holds_whatever_breaks()
    {
        if (Setting("ORLEANSLOG_SIM_SEED") is { } only)
        {
            var result = Run(only, sink: output.WriteLine);
            Assert.True(result.Failure is null, result.Failure);
            return;
        }

        var seconds = Setting("ORLEANSLOG_SIM_SECONDS");
        var start = seconds is null ? 0 : Random.Shared.Next(1 << 30);
        var limit = seconds is { } asked ? TimeSpan.FromSeconds(asked) : s_usualLimit;
        var results = RunMany(start, seconds is null ? UsualSeeds : int.MaxValue, limit);
        var failed = results.Find(result => result.Failure is not null);
        Assert.True(failed is null, failed?.ToString());
        var excused = results.Count(result => result.IsExcused);
        output.WriteLine(
            $"{results.Count} seeds from {start}: {results.Sum(result => result.Acknowledged)} records acknowledged, "
            + $"{results.Sum(result => result.Seen)} offsets seen, {results.Sum(result => result.Epochs)} terms; in {excused} all in-sync replicas were ruined");
        Assert.True(excused * 20 <= results.Count, $"{excused} of {results.Count} seeds ruined all in-sync replicas.");
    }

    [Fact]
    public void A_seed_replays_exactly()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var (first, second) = (Run(seed), Run(seed));
            Assert.Equal(first.Events, second.Events);
            Assert.Equal(first.TraceHash, second.TraceHash);
        }
    }

    [Theory]
    [InlineData(Mutation.TruncateToHighWatermark)]
    [InlineData(Mutation.AcknowledgeBeforeFsync)]
    [InlineData(Mutation.StaleLeaderShrinksIsr)]
    [InlineData(Mutation.NoSequenceCheckAfterFailover)]
    [InlineData(Mutation.ServeBeyondHighWatermark)]
    [InlineData(Mutation.CommitWhileOthersAreEligible)]
    public void A_known_bug_is_found(Mutation mutation)
    {
        for (var seed = 0; seed < SeedsToFindABug; seed++)
        {
            if (Run(seed, mutation).Failure is not { } failure) continue;
            output.WriteLine($"seed {seed}: {failure}");
            return;
        }

        Assert.Fail($"{SeedsToFindABug} seeds did not find {mutation}.");
    }

    private static SimulationResult Run(int seed, Mutation mutation = Mutation.None, Action<string>? sink = null) =>
        SimulatedCluster.Run(seed, new SimulationOptions { Nodes = seed % 4 == 3 ? 5 : 3, Mutation = mutation }, sink);

    // Each simulation is one thread; several run side by side. Ends with the first failure.
    private static List<SimulationResult> RunMany(int start, int count, TimeSpan limit)
    {
        var clock = Stopwatch.StartNew();
        var results = new List<SimulationResult>();
        var next = start - 1;
        var hasFailed = false;
        var threads = Enumerable.Range(0, Math.Min(4, Environment.ProcessorCount)).Select(_ => new Thread(Work)).ToList();
        foreach (var thread in threads) thread.Start();
        foreach (var thread in threads) thread.Join();
        return results;

        void Work()
        {
            while (!Volatile.Read(ref hasFailed) && clock.Elapsed < limit)
            {
                var seed = Interlocked.Increment(ref next);
                if ((long)seed - start >= count) return;
                var result = Run(seed);
                if (result.Failure is not null) Volatile.Write(ref hasFailed, true);
                lock (results) results.Add(result);
            }
        }
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
