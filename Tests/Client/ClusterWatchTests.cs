using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Client;

/// <summary>How a client hears of nodes that are gone.</summary>
public sealed class ClusterWatchTests
{
    private readonly FakeCluster _cluster = new();

    [Fact]
    public async Task Calls_are_given_up_when_a_node_is_gone()
    {
        await using var watch = Watch();
        var first = _cluster.Watch.TakeQuestion();
        Assert.Equal(-1, first.Known);
        first.Answer.SetResult(new RunningNodes(1, ["a", "b"], []));
        var next = first;
        while (next.Known < 1) next = _cluster.Watch.TakeQuestion();
        var given = new TaskCompletionSource();
        await using var registration = _cluster.Connection.Broken.Register(given.SetResult);
        next.Answer.SetResult(new RunningNodes(2, ["b"], []));
        await given.Task.WaitAsync(TimeSpan.FromSeconds(30), CancellationToken.None);
    }

    [Fact]
    public async Task Questions_that_may_have_been_on_a_broken_connection_are_put_again()
    {
        await using var watch = Watch();
        for (var i = 0; i < 3; i++) _cluster.Watch.TakeQuestion();
        _cluster.Connection.NotifyClusterConnectionLost();
        for (var i = 0; i < 3; i++) _cluster.Watch.TakeQuestion();
    }

    [Fact]
    public async Task Gateways_that_are_new_are_called_before_anybody_needs_them()
    {
        await using var watch = Watch();
        _cluster.Watch.TakeQuestion().Answer.SetResult(new RunningNodes(1, ["a"], ["127.0.0.1:1", "127.0.0.1:2"]));
        await UntilAsync(() => _cluster.Watch.QuickQuestions >= 2);
        var before = _cluster.Watch.QuickQuestions;
        var next = _cluster.Watch.TakeQuestion();
        while (next.Known < 1) next = _cluster.Watch.TakeQuestion();
        next.Answer.SetResult(new RunningNodes(2, ["a", "b"], ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]));
        await UntilAsync(() => _cluster.Watch.QuickQuestions >= before + 3);
    }

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!condition()) await Task.Delay(20, limit.Token);
    }

    private ClusterWatch Watch() => new(_cluster, _cluster.Connection, null, TimeProvider.System, NullLoggerFactory.Instance);
}
