using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.TestingHost;
using OrleansLog.Engine.Storage;
using OrleansLog.Grains;
using OrleansLog.Grains.Hosting;
using OrleansLog.Grains.Nodes;
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

    [Fact]
    public async Task A_silo_that_cannot_be_asked_who_it_is_is_known_from_what_it_has_published()
    {
        var silo = SiloAddress.New(IPAddress.Loopback, 7, 1);
        var identity = new Published { [silo] = new Dictionary<string, string> { [NodeMetadata.NodeIdKey] = "70", [NodeMetadata.RackKey] = "r", [NodeMetadata.GatewayKey] = "127.0.0.1:8" } };
        var membership = new OneSilo(silo);
        var services = _cluster.Silos[0].ServiceProvider;
        using var directory = new NodeDirectory(
            membership,
            new Nothing(),
            services.GetRequiredService<ILocalSiloDetails>(),
            services.GetRequiredService<LocalNode>(),
            identity,
            TimeProvider.System,
            NullLogger<NodeDirectory>.Instance);
        await new TestLifecycle().StartAsync(directory);
        using var limit = new CancellationTokenSource(Limit);
        using var stopping = new SiloStopping();
        var watch = new ClusterWatchGrain(directory, stopping, TimeProvider.System);
        var before = await watch.Watch(-1, (int)Limit.TotalMilliseconds);
        var view = await directory.WaitForAsync(view => view.Unknown.Count == 1, limit.Token);
        Assert.Empty(view.Nodes);
        view = await directory.WaitForAsync(view => view.Unknown.Count == 0 && view.Nodes.Count == 1, limit.Token);
        Assert.Equal((70, "r", true), (view.Nodes[0].NodeId, view.Nodes[0].Rack, view.Nodes[0].IsActive));

        // Whoever heard of it before it had said so hears of its gateway too, though the membership is still the same.
        Assert.Equal([silo.ToParsableString()], before.Silos);
        Assert.Empty(before.Gateways);
        var after = await watch.Watch(before.Version, (int)Limit.TotalMilliseconds).WaitAsync(limit.Token);
        Assert.True(after.Version > before.Version);
        Assert.Equal([silo.ToParsableString()], after.Silos);
        Assert.Equal(["127.0.0.1:8"], after.Gateways);
    }

    private static NodeDirectory Directory(InProcessSiloHandle silo) => silo.ServiceProvider.GetRequiredService<NodeDirectory>();

    private static async Task<NodeView> WaitAsync(InProcessSiloHandle silo, Func<NodeView, bool> condition)
    {
        using var limit = new CancellationTokenSource(Limit);
        return await Directory(silo).WaitForAsync(condition, limit.Token);
    }

    /// <summary>Knows nothing of any silo, as after a call that failed.</summary>
    private sealed class Nothing : ISiloMetadataCache
    {
        public SiloMetadata GetSiloMetadata(SiloAddress siloAddress) => SiloMetadata.Empty;
    }

    private sealed class OneSilo(SiloAddress silo) : IClusterMembershipService
    {
        public ClusterMembershipSnapshot CurrentSnapshot { get; } = new(
            ImmutableDictionary<SiloAddress, ClusterMember>.Empty.Add(silo, new ClusterMember(silo, SiloStatus.Active, "silo")),
            new MembershipVersion(1));

        public IAsyncEnumerable<ClusterMembershipSnapshot> MembershipUpdates => UpdatesAsync();

        public ValueTask Refresh(MembershipVersion minimumVersion = default, CancellationToken cancellationToken = default) => default;

        public Task<bool> TryKill(SiloAddress siloAddress) => Task.FromResult(false);

        private async IAsyncEnumerable<ClusterMembershipSnapshot> UpdatesAsync(
            [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            yield return CurrentSnapshot;
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    private sealed class Published : Dictionary<SiloAddress, IReadOnlyDictionary<string, string>>, INodeIdentity
    {
        public Task<string> Lost { get; } = new TaskCompletionSource<string>().Task;

        public Task<(string? ClusterId, int? NodeId)> DecideAsync(
            DataDirectoryIdentity? found, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task PublishAsync(IReadOnlyDictionary<string, string> entries, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>>> ReadPublishedAsync(
            CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyDictionary<SiloAddress, IReadOnlyDictionary<string, string>>>(this);

        public ValueTask ReleaseAsync() => default;
    }
}
