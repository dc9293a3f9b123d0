using OrleansLog.Grains.Placement;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Grains.Placement;

/// <summary>What a node tells of the topics while the catalog's silo has just died.</summary>
public sealed class ClusterViewTests
{
    private readonly FakeCluster _cluster = new();
    private readonly ClusterView _view;

    public ClusterViewTests() => _view = new ClusterView(
        null!, null!, null!, null!, null!, null!, null!, null!, null!, _cluster, TimeProvider.System);

    [Fact]
    public async Task Topics_are_told_from_memory_while_the_catalog_is_away()
    {
        _cluster.Catalog.Topics = new(7, []);
        Assert.Equal(7, (await _view.GetTopicsAsync()).Version);
        _cluster.Catalog.Topics = new(8, []);
        _cluster.Catalog.Failures.Enqueue(new SiloUnavailableException("its silo has just died"));
        _cluster.Catalog.Failures.Enqueue(new TimeoutException("it hangs"));
        Assert.Equal(7, (await _view.GetTopicsAsync()).Version);
        Assert.Equal(7, (await _view.GetTopicsAsync()).Version);
        Assert.Equal(8, (await _view.GetTopicsAsync()).Version);
    }

    [Fact]
    public async Task A_node_that_knows_none_yet_waits_for_the_catalog()
    {
        _cluster.Catalog.Topics = new(7, []);
        for (var i = 0; i < 3; i++) _cluster.Catalog.Failures.Enqueue(new SiloUnavailableException("its silo has just died"));
        Assert.Equal(7, (await _view.GetTopicsAsync()).Version);
        Assert.Empty(_cluster.Catalog.Failures);
    }

    [Fact]
    public async Task A_defect_is_not_taken_for_a_catalog_that_is_away()
    {
        _cluster.Catalog.Failures.Enqueue(new InvalidOperationException("a defect"));
        await Assert.ThrowsAsync<InvalidOperationException>(_view.GetTopicsAsync);
    }
}
