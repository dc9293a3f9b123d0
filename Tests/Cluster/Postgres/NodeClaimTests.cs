using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains;
using OrleansLog.Grains.Storage.Postgres;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;
using LocalSilo = OrleansLog.Tests.Grains.LocalSilo;

namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Which node of which cluster a silo is, when a database says so.</summary>
public sealed class NodeClaimTests : IAsyncLifetime, IDisposable
{
    private const string OwnLocks =
        "locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _data = new();
    private readonly List<ClusterRegistry> _registries = [];
    private readonly List<SiloAddress> _silos = [];
    private PostgresDatabase _database = null!;

    public async Task InitializeAsync()
    {
        if (PostgresBinaries.Directory is not null)
            _database = new PostgresDatabase(await (await PostgresServer.SharedAsync()).CreateDatabaseAsync());
    }

    public async Task DisposeAsync()
    {
        foreach (var registry in _registries) await registry.DisposeAsync();
        _database?.Dispose();
    }

    public void Dispose() => _data.Dispose();

    [PostgresFact]
    public async Task Many_who_start_at_the_same_time_are_different_nodes_of_one_cluster()
    {
        var decided = await Task.WhenAll(Enumerable.Range(0, 8).Select(index => Registry($"d{index}").DecideAsync(null, default)));
        Assert.Single(decided.Select(each => each.ClusterId).Distinct());
        Assert.Equal(Enumerable.Range(1, 8).Cast<int?>(), decided.Select(each => each.NodeId).Order());
    }

    [PostgresFact]
    public async Task A_node_id_that_was_configured_or_had_before_is_not_given_out_again()
    {
        var (cluster, five) = await Registry("a", nodeId: 5).DecideAsync(null, default);
        Assert.Equal(5, five);
        Assert.Equal(6, (await Registry("b").DecideAsync(null, default)).NodeId);
        Assert.Equal(9, (await Registry("c").DecideAsync(new DataDirectoryIdentity(cluster!, 9), default)).NodeId);
        Assert.Equal(10, (await Registry("d").DecideAsync(null, default)).NodeId);
    }

    [PostgresFact]
    public async Task A_second_silo_with_the_node_id_of_one_that_runs_is_refused_and_both_are_named()
    {
        var first = Registry("first", nodeId: 4);
        await first.DecideAsync(null, default);
        var error = await Assert.ThrowsAsync<OrleansLogException>(() => Registry("second", nodeId: 4).DecideAsync(null, default));
        Assert.Equal(ErrorCode.InvalidConfig, error.Error);
        foreach (var word in (string[])["Node id 4", _data["first"], _data["second"], $"{_silos[0].Endpoint}", $"{_silos[1].Endpoint}"])
            Assert.Contains(word, error.Message, StringComparison.Ordinal);

        await first.ReleaseAsync();
        Assert.Equal(4, (await Registry("second", nodeId: 4).DecideAsync(null, default)).NodeId);
    }

    [PostgresFact]
    public async Task A_silo_that_still_answers_keeps_its_node_id_though_its_lock_is_gone()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var first = Registry("first", nodeId: 4, silo: SiloAddress.New((IPEndPoint)listener.LocalEndpoint, 1));
        await first.DecideAsync(null, default);
        await first.ReleaseAsync();
        await Assert.ThrowsAsync<OrleansLogException>(() => Registry("second", nodeId: 4).DecideAsync(null, default));
        listener.Stop();
        Assert.Equal(4, (await Registry("second", nodeId: 4).DecideAsync(null, default)).NodeId);
    }

    [PostgresFact]
    public async Task The_same_directory_is_the_same_node_at_once_even_while_the_old_connection_lingers()
    {
        await Registry("same", nodeId: 4).DecideAsync(null, default);
        // The directory's own lock is what keeps two processes apart here.
        Assert.Equal(4, (await Registry("same", nodeId: 4).DecideAsync(null, default)).NodeId);
    }

    [PostgresFact]
    public async Task A_silo_whose_connection_was_cut_takes_its_node_id_again()
    {
        var first = Registry("first", nodeId: 4);
        await first.DecideAsync(null, default);
        var cut = await CutAsync();
        await WaitForLockAsync(other: cut);
        await Assert.ThrowsAsync<OrleansLogException>(() => Registry("second", nodeId: 4).DecideAsync(null, default));
        Assert.False(first.Lost.IsCompleted);
    }

    [PostgresFact]
    public async Task A_data_directory_of_another_cluster_is_refused_and_so_is_another_cluster_id()
    {
        var (cluster, _) = await Registry("a").DecideAsync(null, default);
        var foreign = await Assert.ThrowsAsync<OrleansLogException>(
            () => Registry("b").DecideAsync(new DataDirectoryIdentity("elsewhere", 2), default));
        Assert.Equal(ErrorCode.InvalidConfig, foreign.Error);
        foreach (var word in (string[])["'elsewhere'", $"'{cluster}'", _data["b"]])
            Assert.Contains(word, foreign.Message, StringComparison.Ordinal);
        var configured = await Assert.ThrowsAsync<OrleansLogException>(
            () => Registry("c", clusterId: "mine").DecideAsync(null, default));
        Assert.Contains("'mine'", configured.Message, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task A_cluster_id_that_is_configured_becomes_that_of_a_new_database()
    {
        Assert.Equal("mine", (await Registry("a", clusterId: "mine").DecideAsync(null, default)).ClusterId);
        Assert.Equal("mine", (await Registry("b").DecideAsync(new DataDirectoryIdentity("mine", 8), default)).ClusterId);
    }

    [PostgresFact]
    public async Task What_a_silo_says_of_itself_is_read_by_the_others_until_another_silo_is_that_node()
    {
        var first = Registry("first", nodeId: 4);
        await first.DecideAsync(null, default);
        await first.PublishAsync(new Dictionary<string, string> { ["a"] = "b" }, default);
        var other = Registry("other");
        await other.DecideAsync(null, default);
        var (silo, entries) = Assert.Single(await other.ReadPublishedAsync(default));
        Assert.Equal(_silos[0], silo);
        Assert.Equal("b", Assert.Contains("a", entries));

        await first.ReleaseAsync();
        await Registry("first", nodeId: 4).DecideAsync(null, default);
        Assert.Empty(await other.ReadPublishedAsync(default));
    }

    private ClusterRegistry Registry(string directory, int? nodeId = null, string? clusterId = null, SiloAddress? silo = null)
    {
        var options = new OrleansLogOptions { DataDirectory = _data[directory], NodeId = nodeId, ClusterId = clusterId };
        var address = silo ?? SiloAddress.New(IPAddress.Loopback, FreePorts.Next(), 1);
        _silos.Add(address);
        var registry = new ClusterRegistry(
            _database,
            Microsoft.Extensions.Options.Options.Create(options),
            new LocalSilo(address),
            new Lifetime(),
            TimeProvider.System,
            NullLogger<ClusterRegistry>.Instance);
        _registries.Add(registry);
        return registry;
    }

    /// <summary>Cuts the connection that holds the node id; which process of the server that was.</summary>
    private async Task<int> CutAsync()
    {
        var pid = Assert.IsType<int>(await QueryAsync($"SELECT pid FROM pg_locks WHERE {OwnLocks}"));
        Assert.Equal(true, await QueryAsync($"SELECT pg_terminate_backend({pid})"));
        return pid;
    }

    /// <summary>Waits until another process than that one has it: the one that was cut holds it until it has noticed.</summary>
    private async Task WaitForLockAsync(int other)
    {
        using var limit = new CancellationTokenSource(Limit);
        while (await QueryAsync($"SELECT pid FROM pg_locks WHERE {OwnLocks} AND pid <> {other}") is null) await Task.Delay(20, limit.Token);
    }

    private async Task<object?> QueryAsync(string sql)
    {
        await using var connection = (NpgsqlConnection)await _database.Source.OpenConnectionAsync();
#pragma warning disable CA2100 // the test's own text
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }

    private sealed class Lifetime : IHostApplicationLifetime
    {
        public CancellationToken ApplicationStarted => default;

        public CancellationToken ApplicationStopping => default;

        public CancellationToken ApplicationStopped => default;

        public void StopApplication()
        {
        }
    }
}
