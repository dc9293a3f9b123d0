using System.Diagnostics;
using OrleansLog.Client;
using OrleansLog.Records;
using OrleansLog.Tests.Proofs;

namespace OrleansLog.Tests.Faults;

/// <summary>A cluster under load, what goes wrong in it, and what is known of both.</summary>
internal sealed class FaultRun(FaultCluster cluster, Random random) : IAsyncDisposable
{
    private const string Topic = "ledger";
    private const string Group = "auditors";
    private const int Partitions = 6;
    private const int Producers = 4;
    private const int RecordsPerSecond = 1_000;
    private const int RoundsBetweenAudits = 5;
    private static readonly TimeSpan RecoveryLimit = TimeSpan.FromSeconds(120);

    private readonly Ledger _ledger = new(Partitions);
    private readonly IReadOnlyList<Fault> _faults = Fault.Of(cluster);
    private readonly SortedDictionary<string, List<TimeSpan>> _outages = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, List<TimeSpan>> _failovers = new(StringComparer.Ordinal);
    private OrleansLogClient? _load;
    private OrleansLogClient? _checks;
    private ProducerLoad? _producers;
    private GroupReaders? _readers;
    private LedgerAudit? _audit;
    private FaultContext? _context;
    private int _rounds;

    /// <param name="sequence">As with <see cref="RunAsync"/>; a name that is no fault's is refused.</param>
    public async Task StartAsync(IReadOnlyList<string> sequence)
    {
        foreach (var name in sequence) _ = Named(name);
        _checks = await cluster.ConnectAsync();
        _load = await cluster.ConnectAsync();
        await _checks.Admin.CreateTopicAsync(
            Topic, Partitions, (short)cluster.Nodes.Count, new Dictionary<string, string> { ["min.insync.replicas"] = "2", ["segment.bytes"] = "1048576" });
        _audit = new LedgerAudit(_checks, Topic, _ledger, Producers);
        _readers = GroupReaders.Start(_load, Topic, Group, members: 2);
        _producers = ProducerLoad.Start(_load, Topic, _ledger, Producers, RecordsPerSecond);
        _context = new FaultContext(cluster, _checks, Topic, Group, Partitions, random);
        await _ledger.WhenAcknowledgedAfter(0, everywhere: true).WaitAsync(RecoveryLimit);
        await _context.WhenAllInSyncAsync();
        await _readers.WhenCommittingAsync(RecoveryLimit);
        _ledger.ThrowOnViolation();
    }

    /// <summary>One fault, the recovery from it, and the checks.</summary>
    /// <param name="sequence">The faults to be played in turn, by their names; empty for any.</param>
    public async Task RunAsync(IReadOnlyList<string> sequence)
    {
        var fault = sequence.Count > 0 ? Named(sequence[_rounds % sequence.Count]) : Choose();
        // A sequence, as one fault by itself, is tried without what is left of the one before.
        if (sequence.Count > 0 && _rounds % sequence.Count == 0) await _context!.WhenAllInSyncAsync();
        _context!.Begin();
        _ledger.TakeLongestGaps();
        var began = Stopwatch.GetTimestamp();
        ProofReport.Progress($"  round {++_rounds}: {fault.Name}");
        try
        {
            await fault.RunAsync(_context);
            await cluster.HealAsync();
            var healed = Stopwatch.GetTimestamp();
            await _ledger.WhenAcknowledgedAfter(healed, everywhere: true).WaitAsync(RecoveryLimit);
            _ledger.ThrowOnViolation();
            var gaps = _ledger.TakeLongestGaps();
            Note(_outages, fault.Name, gaps.Max());
            foreach (var partition in _context.LedByLost) Note(_failovers, $"{_context.Loss}, all replicas in sync", gaps[partition]);
            foreach (var partition in _context.ShortLedByLost)
                Note(_failovers, $"{_context.Loss}, a replica out of sync from the round before", gaps[partition]);
            ProofReport.Progress($"    over after {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s, longest gap {gaps.Max().TotalMilliseconds:0} ms; {_ledger.Count:N0} acknowledged");
            if (_rounds % RoundsBetweenAudits != 0) return;
            await _context.WhenAllInSyncAsync();
            await _readers!.CheckAsync(_checks!);
            await _audit!.RunAsync();
        }
        catch (Exception e)
        {
            throw new InvalidOperationException(
                $"Round {_rounds}, {fault.Name}, failed.\n{string.Join('\n', cluster.Nodes.Select(cluster.Describe))}", e);
        }
    }

    /// <summary>Lets the producers finish and the group catch up, reads everything once more, and compares the replicas.</summary>
    public async Task FinishAsync(ProofReport report)
    {
        await _producers!.StopAsync(RecoveryLimit);
        await _context!.WhenAllInSyncAsync();
        await _audit!.RunToTheEndAsync(_producers.Sent);
        await _readers!.WhenDoneAsync(_checks!, RecoveryLimit);
        await _readers.CheckAsync(_checks!);
        await _readers.StopAsync(RecoveryLimit);
        foreach (var node in cluster.Nodes) await cluster.StopAsync(node);
        var bytes = Enumerable.Range(0, Partitions)
            .Sum(partition => ReplicaBytes.Compare(new TopicPartition(Topic, partition), [.. cluster.Nodes.Select(cluster.DataOf)]));
        report.Write($"  {_ledger.Count:N0} records acknowledged, {_producers.Sent.Sum():N0} sent; {_audit.RecordsRead:N0} read back and compared; {bytes:N0} bytes the same on {cluster.Nodes.Count} nodes");
        report.Write($"  {_readers.Commits:N0} offset commits acknowledged, {_readers.RefusedCommits:N0} not; {cluster.EndedByThemselves} nodes ended by themselves, having been declared dead");
        foreach (var (how, gaps) in _failovers)
            report.Write($"  until the next acknowledgement in a partition that the node led, {how}: {ProofReport.Spread(gaps)} ({gaps.Count} of them)");
        foreach (var (name, outages) in _outages) report.Write($"  {outages.Count} × {name}: longest gap {ProofReport.Spread(outages)}");
    }

    public async ValueTask DisposeAsync()
    {
        await cluster.DisposeAsync();
        _producers?.Abandon();
        _readers?.Abandon();
        if (_load is not null) await _load.DisposeAsync();
        if (_checks is not null) await _checks.DisposeAsync();
    }

    private static void Note(SortedDictionary<string, List<TimeSpan>> all, string kind, TimeSpan outage)
    {
        if (!all.TryGetValue(kind, out var outages)) all.Add(kind, outages = []);
        outages.Add(outage);
    }

    private Fault Named(string name) =>
        _faults.FirstOrDefault(fault => fault.Name == name)
            ?? throw new InvalidOperationException($"This machine cannot do '{name}'; it can: {string.Join(", ", _faults.Select(static fault => fault.Name))}.");

    private Fault Choose()
    {
        var at = random.Next(_faults.Sum(static fault => fault.Weight));
        foreach (var fault in _faults)
        {
            if ((at -= fault.Weight) < 0) return fault;
        }

        throw new UnreachableException();
    }
}
