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
    private static readonly TimeSpan s_usual = TimeSpan.FromSeconds(20);

    [Fact]
    public void Every_promise_holds_whatever_breaks()
    {
        if (Setting("ORLEANSLOG_SIM_SEED") is { } only)
        {
            var result = SimulatedCluster.Run(only, sink: output.WriteLine);
            Assert.True(result.Failure is null, result.Failure);
            return;
        }

        var seconds = Setting("ORLEANSLOG_SIM_SECONDS");
        var start = seconds is null ? 0 : Random.Shared.Next(1 << 30);
        var limit = seconds is { } asked ? TimeSpan.FromSeconds(asked) : s_usual;
        var clock = Stopwatch.StartNew();
        long excused = 0, acknowledged = 0, seen = 0, epochs = 0;
        var seed = start;
        for (; clock.Elapsed < limit; seed++)
        {
            var result = SimulatedCluster.Run(seed);
            Assert.True(result.Failure is null, result.ToString());
            excused += result.IsExcused ? 1 : 0;
            acknowledged += result.Acknowledged;
            seen += result.Seen;
            epochs += result.Epochs;
        }

        output.WriteLine($"seeds {start} to {seed - 1}: {acknowledged} records acknowledged, {seen} read, {epochs} terms; in {excused} all in-sync replicas were ruined");
        Assert.True(excused * 20 <= seed - start, $"{excused} of {seed - start} seeds ruined all in-sync replicas.");
    }

    private static int? Setting(string name) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null;
}
