using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Client;
using OrleansLog.Tests.Client.Fakes;
using OrleansLog.Tests.Engine.Files;
using Xunit;

namespace OrleansLog.Tests.Client;

/// <summary>How a client hears of nodes that are gone.</summary>
public sealed class ClusterWatchTests
{
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(100);
    private readonly FakeCluster _cluster = new();
    private readonly FakeClock _clock = new();

    [Fact]
    public async Task Calls_are_given_up_when_a_node_is_gone()
    {
        await using var watch = Watch();
        await UntilAsync(() => IsAskedAt(1, 2, 3));
        var given = new TaskCompletionSource();
        await using var registration = _cluster.Connection.Broken.Register(given.SetResult);
        _cluster.Watch.Change(FakeWatch.Nodes(2, 1, 3));
        await given.Task.WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
    }

    [Fact]
    public async Task Questions_that_may_have_been_on_a_broken_connection_are_put_again()
    {
        await using var watch = Watch();
        await UntilAsync(() => IsAskedAt(1, 2, 3));
        Assert.Equal(3, _cluster.Watch.Waiting.Count);
        _cluster.Connection.NotifyClusterConnectionLost();
        await UntilAsync(() => _cluster.Watch.Waiting.Count == 6);
    }

    [Fact]
    public async Task Gateways_that_are_new_are_called_before_anybody_needs_them()
    {
        await using var watch = Watch();
        await UntilAsync(() => IsAskedAt(1, 2, 3));
        _cluster.Watch.Change(FakeWatch.Nodes(2, 1, 2, 3, 4));
        await UntilAsync(() => IsAskedAt(1, 2, 3, 4));
    }

    /// <summary>Any may hang, and that is heard only of the others.</summary>
    [Fact]
    public async Task A_question_waits_at_every_gateway_whatever_came_before()
    {
        var random = new Random(7);
        await using var watch = Watch();
        var nodes = new HashSet<int> { 1, 2, 3 };
        for (var version = 2; version < 40; version++)
        {
            await UntilAsync(() => IsAskedAt([.. nodes]));
            // Some have waited for long enough; a node hangs until the others say that it is gone, and one comes back.
            foreach (var question in _cluster.Watch.Waiting.Where(_ => random.Next(4) == 0)) _cluster.Watch.Answer(question);
            var gone = random.Next(1, 4);
            _cluster.Watch.Hanging = nodes.Remove(gone) ? gone : 0;
            if (_cluster.Watch.Hanging == 0 || nodes.Count == 0) nodes.Add(gone);
            _cluster.Watch.Change(FakeWatch.Nodes(version, [.. nodes]));
            _cluster.Watch.Hanging = 0;
        }
    }

    /// <summary>A client that was given one gateway cannot ask the others.</summary>
    [Fact]
    public async Task Gateways_that_the_client_does_not_know_are_not_looked_for()
    {
        await using var watch = Watch(new WatchedGateways([new(System.Net.IPAddress.Loopback, 2)]));
        await UntilAsync(() => _cluster.Watch.Waiting.Count == 1);
        await Task.Delay(WatchedGateways.RefreshPeriod * 3); // nothing is to come
        Assert.Single(_cluster.Watch.Waiting);
    }

    /// <summary>Whichever of them is lost next is to be heard of, however long none was there.</summary>
    [Fact]
    public async Task Gateways_that_are_back_are_asked_at_once()
    {
        await using var watch = Watch(time: _clock);
        await AllLostForAsync(TimeSpan.FromSeconds(20));
        _cluster.Watch.IsDown = false;
        _cluster.Connection.NotifyGatewayCountChanged(1, 0, true);
        await UntilAsync(() => IsAskedAt(1, 2, 3));
    }

    [Fact]
    public async Task Gateways_are_asked_again_before_long()
    {
        var gateways = Enumerable.Range(1, 3).Select(static node => new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, node));
        await using var watch = Watch(new WatchedGateways([.. gateways]), _clock);
        await AllLostForAsync(TimeSpan.FromSeconds(20));
        _cluster.Watch.IsDown = false;
        await PassAsync(TimeSpan.FromSeconds(2));
        await UntilAsync(() => IsAskedAt(1, 2, 3));
    }

    private async Task AllLostForAsync(TimeSpan span)
    {
        await UntilAsync(() => IsAskedAt(1, 2, 3));
        _cluster.Watch.Stop();
        _cluster.Connection.NotifyClusterConnectionLost();
        await PassAsync(span);
    }

    /// <summary>Lets time pass, such that whoever waits anew has the chance to.</summary>
    private async Task PassAsync(TimeSpan span)
    {
        for (var passed = TimeSpan.Zero; passed < span; passed += Step)
        {
            await UntilAsync(() => _clock.ArmedTimers > 0);
            _clock.Advance(Step);
            await Task.Delay(1);
        }
    }

    private bool IsAskedAt(params int[] nodes) =>
        nodes.All(node => _cluster.Watch.Waiting.Any(question => question.Node == node && question.Known == _cluster.Watch.Version));

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition()) await Task.Delay(5, limit.Token);
    }

    private ClusterWatch Watch(WatchedGateways? gateways = null, TimeProvider? time = null) =>
        new(_cluster, _cluster.Connection, gateways, time ?? TimeProvider.System, NullLoggerFactory.Instance);
}
