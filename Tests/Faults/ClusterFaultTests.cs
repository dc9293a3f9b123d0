using OrleansLog.Tests.Processes;
using OrleansLog.Tests.Proofs;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Faults;

/// <summary>Three real silos and PostgreSQL, replication factor 3, and one fault after the other under load.</summary>
[Collection(ProcessCollection.Name)]
public sealed class ClusterFaultTests(ITestOutputHelper output)
{
    private readonly ProofReport _report = new(output);

    [HostsFact]
    public async Task Whatever_goes_wrong_nothing_acknowledged_is_lost_doubled_or_changed()
    {
        var (rounds, seed, sequence) = (ProofSettings.Faults, ProofSettings.Seed, ProofSettings.FaultSequence);
        _report.Write($"faults: {rounds} rounds, seed {seed}");
        var cluster = await FaultCluster.CreateAsync(nodes: 3);
        await using var run = new FaultRun(cluster, new Random(seed));
        await run.StartAsync(sequence);
        for (var round = 0; round < rounds; round++) await run.RunAsync(sequence);
        await run.FinishAsync(_report);
    }
}
