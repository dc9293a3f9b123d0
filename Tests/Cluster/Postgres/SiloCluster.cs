using System.Globalization;
using OrleansLog.Client;
using OrleansLog.Tests.Processes;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Real silos, each in a process of its own, with one PostgreSQL.</summary>
public sealed class SiloCluster : IAsyncDisposable
{
    // A supervisor starts a silo again that the others held for dead; here that is this class.
    private const int Attempts = 3;
    private const string ToldToBeDead = "I have been told I am dead";

    private readonly TemporaryDirectory _data = new();
    private readonly SiloProcess?[] _silos;

    private SiloCluster(string connectionString, int count, Func<int, string, IReadOnlyDictionary<string, string>>? environment)
    {
        ConnectionString = connectionString;
        _silos = new SiloProcess?[count];
        Setups = [.. Enumerable.Range(1, count).Select(Setup)];
        if (environment is not null)
            Setups = [.. Setups.Select((setup, index) => setup with { Environment = environment(index + 1, setup.DataDirectory) })];
    }

    public string ConnectionString { get; }

    /// <summary>Where each silo is; that at index 0 is node 1.</summary>
    public IReadOnlyList<SiloSetup> Setups { get; }

    public string Endpoints => string.Join(',', Setups.Select(static setup => setup.Endpoint));

    /// <param name="connectionString">The database.</param>
    /// <param name="count">How many silos.</param>
    /// <param name="environment">Further variables of each, by its node id and its data directory.</param>
    public static async Task<SiloCluster> StartAsync(
        string connectionString, int count = 3, Func<int, string, IReadOnlyDictionary<string, string>>? environment = null)
    {
        var cluster = new SiloCluster(connectionString, count, environment);
        try
        {
            await Task.WhenAll(Enumerable.Range(0, count).Select(cluster.StartAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public SiloProcess this[int index] => _silos[index] ?? throw new InvalidOperationException($"Silo {index} does not run.");

    /// <summary>Starts a silo, again with its directory and its ports.</summary>
    public async Task StartAsync(int index)
    {
        if (_silos[index] is { } before) await before.DisposeAsync();
        _silos[index] = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                _silos[index] = await SiloProcess.StartAsync(Setups[index]);
                return;
            }
            catch (InvalidOperationException e) when (attempt < Attempts && e.Message.Contains(ToldToBeDead, StringComparison.Ordinal))
            {
                // On a machine that is busy with other things, it was too slow to answer the others while it started.
            }
        }
    }

    /// <summary>A further silo, with a directory and ports of its own.</summary>
    public SiloSetup Another(string directory, params (string Name, string Value)[] settings) => SiloSetup.In(_data[directory]) with
    {
        Settings = new Dictionary<string, string>(settings.Select(static setting => KeyValuePair.Create(setting.Name, setting.Value)))
        {
            ["OrleansLog:Metadata:ConnectionString"] = ConnectionString,
        },
    };

    public Task<OrleansLogClient> ConnectAsync() => OrleansLogClient.ConnectAsync(
        new OrleansLogClientOptions { Endpoints = Endpoints, ConnectTimeout = TimeSpan.FromSeconds(60) });

    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _silos)
        {
            if (silo is not null) await silo.DisposeAsync();
        }

        _data.Dispose();
    }

    private SiloSetup Setup(int nodeId)
    {
        var id = nodeId.ToString(CultureInfo.InvariantCulture);
        return Another("node-" + id, ("OrleansLog:NodeId", id), ("OrleansLog:Rack", "rack-" + id));
    }
}
