using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Engine.Storage;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;
using Xunit.Abstractions;

namespace OrleansLog.Tests.Proofs;

/// <summary>SIGTERM while the silo is being written to.</summary>
[Collection(ProcessCollection.Name)]
public sealed class GracefulStopTests(ITestOutputHelper output)
{
    private const string Topic = "ledger";
    private const int Partitions = 6;
    private const int Producers = 2;
    private const int Rounds = 3;
    private const int MaxTailBytes = 64 * 1024;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly ProofReport _report = new(output);

    [Fact]
    public async Task A_stop_under_load_is_clean_needs_no_recovery_and_loses_nothing()
    {
        using var directory = new TemporaryDirectory();
        var setup = SiloSetup.In(directory["data"]);
        var silo = await SiloProcess.StartAsync(setup);
        try
        {
            await using var client = await silo.ConnectAsync();
            await client.Admin.CreateTopicAsync(Topic, Partitions);
            var ledger = new Ledger(Partitions);
            var audit = new LedgerAudit(client, Topic, ledger, Producers);
            var readers = GroupReaders.Start(client, Topic, "auditors", members: 1);
            var producers = ProducerLoad.Start(client, Topic, ledger, Producers, recordsPerSecond: 10_000);
            try
            {
                await ledger.WhenAcknowledgedAfter(0, everywhere: true).WaitAsync(Limit);
                var stops = new List<TimeSpan>();
                for (var round = 1; round <= Rounds; round++)
                {
                    var stopping = System.Diagnostics.Stopwatch.GetTimestamp();
                    var exitCode = await silo.StopAsync();
                    stops.Add(System.Diagnostics.Stopwatch.GetElapsedTime(stopping));
                    Assert.True(exitCode == 0, $"The exit code is {exitCode}. {silo.Process.Describe()}");
                    await silo.DisposeAsync();
                    await ExpectCleanAsync(setup.DataDirectory, directory[$"copy-{round}"]);

                    var restarted = System.Diagnostics.Stopwatch.GetTimestamp();
                    silo = await SiloProcess.StartAsync(setup);
                    await ledger.WhenAcknowledgedAfter(restarted, everywhere: true).WaitAsync(Limit);
                    await readers.CheckAsync(client);
                    await audit.RunAsync();
                }

                await producers.StopAsync(Limit);
                await audit.RunToTheEndAsync(producers.Sent);
                await readers.WhenDoneAsync(client, Limit);
                await readers.StopAsync(Limit);
                _report.Write($"SIGTERM under load: {Rounds} stops, {ledger.Count:N0} records acknowledged, none lost");
                _report.Write($"  from the signal to the exit: {ProofReport.Spread(stops)}");
            }
            finally
            {
                producers.Abandon();
                readers.Abandon();
            }
        }
        finally
        {
            await silo.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_kill_is_not_clean_and_is_recovered_from()
    {
        using var directory = new TemporaryDirectory();
        await using (var silo = await SiloProcess.StartAsync(SiloSetup.In(directory["data"])))
        {
            await using var client = await silo.ConnectAsync();
            await client.Admin.CreateTopicAsync(Topic, 1);
            await using (var producer = client.CreateProducer<string, string>())
                await producer.ProduceAsync(Topic, "key", "value");
            await silo.KillAsync();
        }

        var report = Assert.Single(await OpenAsync(directory["data"], [new TopicPartition(Topic, 0)])).Value;
        Assert.False(report.CleanShutdown);
        Assert.True(report.BytesScanned > 0, $"Nothing was scanned: {report}");
    }

    /// <summary>Opens a copy, as the silo would, and looks at what opening it found.</summary>
    private static async Task ExpectCleanAsync(string dataDirectory, string copy)
    {
        Copy(dataDirectory, copy);
        var reports = await OpenAsync(copy, partitions: null);
        Assert.True(reports.Count > Partitions, $"Only {string.Join(", ", reports.Keys)} were found.");
        Assert.All(reports, static pair =>
        {
            Assert.True(pair.Value.CleanShutdown, $"{pair.Key}: {pair.Value}");
            // What lies behind the last entry of an index is always looked at.
            Assert.True(pair.Value.BytesScanned < MaxTailBytes && !pair.Value.HasFindings, $"{pair.Key}: {pair.Value}");
        });
    }

    private static async Task<Dictionary<TopicPartition, RecoveryReport>> OpenAsync(
        string dataDirectory, IEnumerable<TopicPartition>? partitions)
    {
        await using var logs = await LogManager.OpenAsync(
            new LogManagerOptions { DataDirectory = dataDirectory },
            new PhysicalFileSystem(),
            TimeProvider.System,
            NullLogger.Instance,
            CancellationToken.None);
        var reports = new Dictionary<TopicPartition, RecoveryReport>();
        foreach (var partition in partitions ?? logs.PartitionsOnDisk)
        {
            var log = await logs.OpenLogAsync(partition, Guid.Empty, LogConfig.Default, CancellationToken.None);
            reports.Add(partition, log.Recovery);
        }

        return reports;
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var directory in Directory.EnumerateDirectories(from)) Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
        foreach (var file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
