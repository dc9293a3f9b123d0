using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.TestingHost;
using OrleansLog.Grains;
using OrleansLog.Grains.Placement;
using Xunit;

namespace OrleansLog.Tests.Grains.Placement;

/// <summary>Silos that tell each other which nodes they are.</summary>
public sealed class NodeDirectoryTests : IAsyncLifetime, IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly TemporaryDirectory _data = new();
    private InProcessTestCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        var next = 0;
        var builder = new InProcessTestClusterBuilder(3);
        builder.Options.ConfigureFileLogging = false;
        builder.ConfigureSilo((_, silo) =>
        {
            var id = 10 * Interlocked.Increment(ref next);
            silo.AddOrleansLog(options =>
            {
                options.NodeId = id;
                options.DataDirectory = _data.File(id.ToString(CultureInfo.InvariantCulture));
                options.Rack = id == 10 ? null : $"rack-{id}";
            });
        });
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async Task DisposeAsync()
    {
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
    }

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task Every_silo_knows_the_node_rack_and_address_of_every_other()
    {
        var views = new List<NodeView>();
        foreach (var silo in _cluster.Silos) views.Add(await WaitAsync(silo, view => view.ActiveIds.Count == 3));
        foreach (var silo in _cluster.Silos)
        {
            var own = Directory(silo).OwnId;
            foreach (var view in views)
            {
                Assert.Empty(view.Unknown);
                Assert.Equal([10, 20, 30], view.Nodes.Select(node => node.NodeId));
                var node = view.Find(own)!;
                Assert.Equal(silo.SiloAddress, node.Silo);
                Assert.Equal(own == 10 ? null : $"rack-{own}", node.Rack);
                Assert.Same(node, view.Find(silo.SiloAddress));
            }
        }

        Assert.Null(views[0].Find(40));
        var metadata = _cluster.Silos[0].ServiceProvider.GetRequiredService<ISiloMetadataCache>();
        var entries = metadata.GetSiloMetadata(_cluster.Silos[1].SiloAddress).Metadata;
        Assert.Equal(
            Directory(_cluster.Silos[1]).OwnId.ToString(CultureInfo.InvariantCulture), entries[NodeMetadata.NodeIdKey]);
        Assert.Equal(22, entries[NodeMetadata.ClusterIdKey].Length);
    }

    [Fact]
    public async Task A_node_that_is_gone_leaves_the_view_and_one_that_comes_enters_it()
    {
        var watcher = _cluster.Silos[0];
        await WaitAsync(watcher, view => view.ActiveIds.Count == 3);
        var gone = Directory(_cluster.Silos[1]).OwnId;
        await _cluster.StopSiloAsync(_cluster.Silos[1]);
        var without = await WaitAsync(watcher, view => view.Find(gone) is null);
        Assert.DoesNotContain(gone, without.ActiveIds);
        Assert.Equal(2, without.Nodes.Count);

        await _cluster.StartAdditionalSiloAsync();
        var with = await WaitAsync(watcher, view => view.ActiveIds.Contains(40));
        Assert.Equal(3, with.Nodes.Count);
    }

    [Fact]
    public async Task Whoever_follows_is_told_of_the_end()
    {
        var silo = _cluster.Silos[2];
        var following = Task.Run(async () =>
        {
            var count = 0;
            await foreach (var _ in Directory(silo).FollowAsync(CancellationToken.None)) count++;
            return count;
        });
        await _cluster.StopSiloAsync(silo);
        Assert.True(await following.WaitAsync(Limit) > 0);
    }

    private static NodeDirectory Directory(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<NodeDirectory>();

    private static async Task<NodeView> WaitAsync(InProcessSiloHandle silo, Func<NodeView, bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        return await Directory(silo).WaitForAsync(condition, limit.Token);
    }
}
