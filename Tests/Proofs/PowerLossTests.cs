using OrleansLog.Tests.Engine.Files;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// The power fails, at any operation of the file system, while partition leaders serve many writers and a group commits its
/// offsets; what no fsync covered is gone.
/// </summary>
public sealed class PowerLossTests(ITestOutputHelper output)
{
    private readonly ProofReport _report = new(output);

    [Theory]
    [InlineData(CrashKind.ForgetAll)]
    [InlineData(CrashKind.Torn)]
    public async Task Acknowledged_records_and_committed_offsets_outlive_the_loss_of_all_that_was_not_synced(CrashKind kind)
    {
        var (losses, seed) = (ProofSettings.PowerLosses, ProofSettings.Seed);
        var random = new Random(seed);
        var node = new SimulatedNode(new FaultyFileSystem(seed) { HistoryLength = 3_000 });
        var struckWhileOpening = 0;
        for (var loss = 1; loss <= losses; loss++)
        {
            try
            {
                // Most strike under load; every few, while what the last one left is being recovered.
                var early = random.Next(4) == 0;
                node.Files.CrashAtOperation = node.Files.OperationCount + random.Next(1, early ? 60 : 1_500);
                if (!await node.RunUntilCrashAsync(random)) struckWhileOpening++;
                node.Files.Crash(kind, random.Next());
                await node.CheckAsync();
            }
            catch (Exception e)
            {
                throw new InvalidOperationException(
                    $"Power loss {loss} of {losses} (seed {seed}, {kind}) failed.{Environment.NewLine}{node.Report}", e);
            }
        }

        _report.Write($"power loss ({kind}), seed {seed}: {losses} losses, {struckWhileOpening} of them during recovery");
        _report.Write($"  {node.Acknowledged:N0} records acknowledged and found, {node.Commits:N0} offset commits acknowledged, none gone back; {node.JointRounds:N0} fsyncs of the commit journal");
        Assert.True(node.JointRounds > 2 * losses, "Hardly any logs became durable together.");
    }
}
