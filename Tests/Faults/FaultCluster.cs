using System.Globalization;
using OrleansLog.Client;
using OrleansLog.Tests.Cluster.Postgres;
using OrleansLog.Tests.Processes;
using OrleansLog.Tests.Proofs;

namespace OrleansLog.Tests.Faults;

/// <summary>
/// Silos on hosts of their own with one PostgreSQL, and what can be done to them. It is their supervisor too: a silo that ends by
/// itself, as a zombie does that was declared dead, is started again at once; one that was ended here, by <see cref="HealAsync"/>.
/// </summary>
internal sealed class FaultCluster : IAsyncDisposable
{
    private const int GatewayPort = 30_000, SiloPort = 11_111, KafkaPort = 9_092;
    private const string DiskSize = "6g";

    private readonly TemporaryDirectory _directory = new();
    private readonly HostNetwork _network;
    private readonly PostgresServer _postgres;
    private readonly SlowSync? _slowSync;
    private readonly Dictionary<int, SiloProcess> _silos = [];
    private readonly HashSet<int> _paused = [];
    private readonly Dictionary<int, SemaphoreSlim> _starting;
    private readonly bool _hasSmallDisk;
    private readonly List<Task> _supervisors = [];
    private readonly CancellationTokenSource _ending = new();
    private string _database = "";

    private FaultCluster(HostNetwork network, PostgresServer postgres, int nodes)
    {
        _network = network;
        _postgres = postgres;
        _slowSync = Faults.SlowSync.TryBuild(_directory);
        Nodes = [.. Enumerable.Range(1, nodes)];
        Spare = nodes + 1;
        _starting = Nodes.Append(Spare).ToDictionary(static node => node, static _ => new SemaphoreSlim(1));
        _hasSmallDisk = Mount(Directory.CreateDirectory(_directory[DiskName(SmallDiskNode)]).FullName);
    }

    /// <summary>The node whose disk can be filled up.</summary>
    public const int SmallDiskNode = 3;

    /// <summary>The ids of the nodes.</summary>
    public IReadOnlyList<int> Nodes { get; }

    /// <summary>The id of a node that does not run, and may be added for a while.</summary>
    public int Spare { get; }

    public bool CanFillDisk => _hasSmallDisk;

    public bool CanSlowSync => _slowSync is not null;

    /// <summary>How often a node was found ended that nobody had ended: a zombie, told to be dead, goes by itself.</summary>
    public int EndedByThemselves { get; private set; }

    public HostNetwork Network => _network;

    public PostgresServer Postgres => _postgres;

    /// <summary>Makes the hosts, the database and the silos.</summary>
    public static async Task<FaultCluster> CreateAsync(int nodes)
    {
        var network = HostNetwork.TryCreate(nodes + 1) ?? throw new InvalidOperationException("No network namespaces can be made.");
        var postgres = await PostgresServer.StartNewAsync(network.DatabaseAddress, network.Network);
        var cluster = new FaultCluster(network, postgres, nodes);
        try
        {
            cluster._database = await postgres.CreateDatabaseAsync();
            await Task.WhenAll(cluster.Nodes.Select(cluster.StartAsync));
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public Task<OrleansLogClient> ConnectAsync() => OrleansLogClient.ConnectAsync(new OrleansLogClientOptions
    {
        Endpoints = string.Join(',', Nodes.Select(node => SetupOf(node).Endpoint)),
        ConnectTimeout = TimeSpan.FromSeconds(60),
    });

    public string DataOf(int node) => Path.Combine(_directory[DiskName(node)], "data");

    public bool Runs(int node)
    {
        lock (_silos) return _silos.TryGetValue(node, out var silo) && !silo.Process.HasExited;
    }

    /// <summary>Starts a node that does not run. Its supervisor may be about that too: whoever comes second waits for the first.</summary>
    public async Task StartAsync(int node)
    {
        var starting = _starting[node];
        await starting.WaitAsync();
        try
        {
            if (!Runs(node)) await StartAnewAsync(node);
        }
        finally
        {
            starting.Release();
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync(int node)
    {
        if (Take(node) is not { } silo) return;
        await silo.KillAsync();
        await silo.DisposeAsync();
    }

    /// <summary>SIGTERM, and the wait for its end.</summary>
    public async Task StopAsync(int node)
    {
        if (Take(node) is not { } silo) return;
        var code = await silo.StopAsync();
        if (code != 0) throw new InvalidOperationException($"Node {node} ended with exit code {code}. {silo.Process.Describe()}");
        await silo.DisposeAsync();
    }

    public void Pause(int node)
    {
        lock (_silos)
        {
            if (!_silos.TryGetValue(node, out var silo) || silo.Process.HasExited) return;
            ProcessSignal.Send(silo.Process.Id, ProcessSignal.Pause);
            _paused.Add(node);
        }
    }

    public void Resume(int node)
    {
        lock (_silos)
        {
            if (!_paused.Remove(node) || !_silos.TryGetValue(node, out var silo) || silo.Process.HasExited) return;
            ProcessSignal.Send(silo.Process.Id, ProcessSignal.Continue);
        }
    }

    public void SlowSync(int node, int milliseconds) => _slowSync?.Set(node, milliseconds);

    /// <summary>Leaves no room on the disk of <see cref="SmallDiskNode"/>.</summary>
    public void FillDisk()
    {
        using var ballast = File.Create(BallastPath);
        var block = new byte[1 << 20];
        try
        {
            while (true)
            {
                ballast.Write(block);
                ballast.Flush();
            }
        }
        catch (IOException)
        {
            // It is full.
        }
    }

    /// <summary>Deletes all that a node that does not run has on disk.</summary>
    public void Wipe(int node) => Directory.Delete(DataOf(node), recursive: true);

    /// <summary>Ends every fault that lasts, and starts what does not run.</summary>
    public async Task HealAsync()
    {
        _network.Heal();
        foreach (var node in _paused.ToArray()) Resume(node);
        foreach (var node in Nodes) SlowSync(node, 0);
        File.Delete(BallastPath);
        await _postgres.StartAsync();
        await Task.WhenAll(Nodes.Where(node => !IsSupervised(node)).Select(StartAsync));
        Task[] failed;
        lock (_silos) failed = [.. _supervisors.Where(static supervisor => supervisor.IsFaulted)];
        await Task.WhenAll(failed);
    }

    public string Describe(int node)
    {
        lock (_silos) return _silos.TryGetValue(node, out var silo) ? $"Node {node}: {silo.Process.Describe()}" : $"Node {node} does not run.\n";
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        foreach (var node in Nodes.Append(Spare))
        {
            if (Take(node) is { } silo) await silo.DisposeAsync();
        }

        Task[] supervisors;
        lock (_silos) supervisors = [.. _supervisors];
        await Task.WhenAll(supervisors).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _postgres.DisposeAsync();
        if (_hasSmallDisk) Run("umount", "--lazy", _directory[DiskName(SmallDiskNode)]);
        foreach (var starting in _starting.Values) starting.Dispose();
        _network.Dispose();
        _directory.Dispose();
    }

    private string BallastPath => Path.Combine(_directory[DiskName(SmallDiskNode)], "ballast");

    private bool IsSupervised(int node)
    {
        lock (_silos) return _silos.ContainsKey(node);
    }

    private bool IsOwn(int node, SiloProcess silo)
    {
        lock (_silos) return _silos.TryGetValue(node, out var current) && ReferenceEquals(current, silo);
    }

    private async Task SuperviseAsync(int node, SiloProcess silo)
    {
        int code;
        try
        {
            code = await silo.Process.WaitForExitAsync(Timeout.InfiniteTimeSpan);
        }
        catch (InvalidOperationException) when (!IsOwn(node, silo))
        {
            return; // it was ended here, and is let go of already
        }

        lock (_silos)
        {
            // Whoever ended it starts it again.
            if (!IsOwn(node, silo) || _ending.IsCancellationRequested) return;
            EndedByThemselves++;
        }

        ProofReport.Progress($"    node {node} ended by itself with exit code {code}");
        await silo.DisposeAsync();
        await StartAsync(node);
    }

    private async Task StartAnewAsync(int node)
    {
        // A supervisor tries again: a start may meet the very fault that is being healed.
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var silo = await SiloProcess.StartAsync(SetupOf(node));
                lock (_silos)
                {
                    _silos[node] = silo;
                    _supervisors.RemoveAll(static supervisor => supervisor.IsCompletedSuccessfully);
                    _supervisors.Add(SuperviseAsync(node, silo));
                }

                // The end of the run may have come meanwhile, and found nothing to end.
                if (_ending.IsCancellationRequested) await silo.DisposeAsync();
                return;
            }
            catch (InvalidOperationException) when (attempt < 10 && !_ending.IsCancellationRequested)
            {
                await Task.Delay(500);
            }
        }
    }

    private SiloProcess? Take(int node)
    {
        lock (_silos)
        {
            _paused.Remove(node);
            return _silos.Remove(node, out var silo) ? silo : null;
        }
    }

    private static string LogLevel => ProofSettings.Logs is null ? "Warning" : "Information";

    private SiloSetup SetupOf(int node) => new(DataOf(node), GatewayPort, SiloPort)
    {
        Host = _network.Address(node),
        KafkaPort = KafkaPort,
        Launcher = _network.Launcher(node),
        Environment = _slowSync?.EnvironmentOf(node) ?? new Dictionary<string, string>(),
        Settings = new Dictionary<string, string>
        {
            ["OrleansLog:NodeId"] = node.ToString(CultureInfo.InvariantCulture),
            ["OrleansLog:AdvertisedHost"] = _network.Address(node),
            ["OrleansLog:Metadata:ConnectionString"] = _database,
            ["OrleansLog:ScrubInterval"] = "00:00:03",
            ["OrleansLog:MaxScrubBytesPerSecond"] = "100000000",
            // Who was declared dead when, for whoever reads the logs.
            ["Logging:LogLevel:OrleansLog.Grains.Failover"] = LogLevel,
            ["Logging:LogLevel:Orleans.Runtime.MembershipService"] = LogLevel,
        },
    };

    private static string DiskName(int node) => string.Create(CultureInfo.InvariantCulture, $"disk-{node}");

    private static bool Mount(string path) => Run("mount", "-t", "tmpfs", "-o", "size=" + DiskSize, "orleanslog-test", path);

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = System.Diagnostics.Process.Start(
                new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
