using System.Diagnostics;
using OrleansLog.Client;
using OrleansLog.Tests.Processes;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Proofs;

/// <summary>kill -9 of the silo while it is being written to, over and over.</summary>
[Collection(ProcessCollection.Name)]
public sealed class SiloKilledTests(ITestOutputHelper output)
{
    private const string Topic = "ledger";
    private const string Group = "auditors";
    private const int Partitions = 6;
    private const int Producers = 4;
    private const int RecordsPerSecond = 5_000;
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromSeconds(120);

    private readonly ProofReport _report = new(output);

    [Fact]
    public async Task Whatever_was_acknowledged_outlives_kill_minus_nine()
    {
        var (rounds, seed) = (ProofSettings.Rounds, ProofSettings.Seed);
        _report.Write($"kill -9: {rounds} rounds, seed {seed}");
        using var directory = new TemporaryDirectory();
        var setup = SiloSetup.In(directory["data"]);
        var run = new KillRun(setup, new Random(seed));
        try
        {
            await run.StartAsync();
            for (var round = 1; round <= rounds; round++)
            {
                try
                {
                    await run.KillAndCheckAsync();
                    ProofReport.Progress($"  round {round} is done");
                }
                catch (Exception e)
                {
                    throw new InvalidOperationException($"Round {round} of {rounds} (seed {seed}) failed.\n{run.Silo?.Process.Describe()}", e);
                }
            }

            await run.FinishAsync();
            run.Print(_report);
        }
        finally
        {
            await run.DisposeAsync();
        }
    }

    /// <summary>The silo, what loads it, and what is known of both.</summary>
    private sealed class KillRun(SiloSetup setup, Random random) : IAsyncDisposable
    {
        private readonly Ledger _ledger = new(Partitions);
        private readonly List<TimeSpan> _starts = [];
        private readonly List<TimeSpan> _outages = [];
        private readonly List<TimeSpan> _fullOutages = [];
        private OrleansLogClient? _load;
        private OrleansLogClient? _checks;
        private ProducerLoad? _producers;
        private GroupReaders? _readers;
        private LedgerAudit? _audit;
        private int _killsWhileStarting;

        public SiloProcess? Silo { get; private set; }

        public async Task StartAsync()
        {
            Silo = await SiloProcess.StartAsync(setup);
            _checks = await Silo.ConnectAsync();
            _load = await Silo.ConnectAsync();
            await _checks.Admin.CreateTopicAsync(Topic, Partitions);
            _audit = new LedgerAudit(_checks, Topic, _ledger, Producers);
            _readers = GroupReaders.Start(_load, Topic, Group, members: 2);
            _producers = ProducerLoad.Start(_load, Topic, _ledger, Producers, RecordsPerSecond);
            await _ledger.WhenAcknowledgedAfter(0, everywhere: true).WaitAsync(RecoveryLimit);
            _ledger.ThrowOnViolation();
            ProofReport.Progress($"  the load runs");
        }

        public async Task KillAndCheckAsync()
        {
            // The moment of the kill is the one thing here that is up to the clock, and to chance.
            await Task.Delay(random.Next(100, 1_200));
            await Silo!.KillAsync();
            var killed = Stopwatch.GetTimestamp();
            await Silo.DisposeAsync();
            if (random.Next(5) == 0) await KillWhileStartingAsync();

            var restarted = Stopwatch.GetTimestamp();
            Silo = await SiloProcess.StartAsync(setup);
            _starts.Add(Silo.StartTime);
            await _ledger.WhenAcknowledgedAfter(restarted, everywhere: false).WaitAsync(RecoveryLimit);
            _outages.Add(Stopwatch.GetElapsedTime(killed));
            await _ledger.WhenAcknowledgedAfter(restarted, everywhere: true).WaitAsync(RecoveryLimit);
            _fullOutages.Add(Stopwatch.GetElapsedTime(killed));
            _ledger.ThrowOnViolation();
            ProofReport.Progress($"  ready after {_starts[^1].TotalSeconds:0.0} s, first acknowledgement {_outages[^1].TotalSeconds:0.0} s, all {_fullOutages[^1].TotalSeconds:0.0} s after the kill; {_ledger.Count} acknowledged");
            await _readers!.CheckAsync(_checks!);
            await _audit!.RunAsync();
        }

        /// <summary>Lets the producers finish, the group catch up, and reads everything once more.</summary>
        public async Task FinishAsync()
        {
            await _producers!.StopAsync(RecoveryLimit);
            await _audit!.RunToTheEndAsync(_producers.Sent);
            await _readers!.WhenDoneAsync(_checks!, RecoveryLimit);
            await _readers.CheckAsync(_checks!);
            await _readers.StopAsync(RecoveryLimit);
        }

        public void Print(ProofReport report)
        {
            report.Write($"  {_ledger.Count:N0} records acknowledged, {_producers!.Sent.Sum():N0} sent; {_audit!.RecordsRead:N0} read back and compared");
            report.Write($"  {_readers!.Commits:N0} offset commits acknowledged, {_readers.RefusedCommits:N0} not");
            report.Write($"  {_starts.Count} kills under load, {_killsWhileStarting} more while starting");
            report.Write($"  restart until ready: {ProofReport.Spread(_starts)}");
            report.Write($"  kill until the first acknowledgement: {ProofReport.Spread(_outages)}");
            report.Write($"  kill until every partition acknowledges: {ProofReport.Spread(_fullOutages)}");
        }

        public async ValueTask DisposeAsync()
        {
            // The silo first: what still runs against it must not hold up the end of a test that has failed.
            if (Silo is not null) await Silo.DisposeAsync();
            _producers?.Abandon();
            _readers?.Abandon();
            if (_load is not null) await _load.DisposeAsync();
            if (_checks is not null) await _checks.DisposeAsync();
        }

        private async Task KillWhileStartingAsync()
        {
            await using var process = SiloProcess.Launch(setup);
            await Task.Delay(random.Next(200, 2_000));
            ProofReport.Progress($"  killed while starting");
            await process.KillAsync();
            _killsWhileStarting++;
        }
    }
}
