using Microsoft.Extensions.Logging.Abstractions;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using OrleansLog.Tests.Client.Fakes;
using Xunit;

namespace OrleansLog.Tests.Direct;

/// <summary>A producer that knows which node leads, and goes there.</summary>
public sealed class DirectProducerTests : IDisposable
{
    private readonly FakeCluster _cluster = new FakeCluster().WithTopic("t");
    private readonly DirectNode _node = new();
    private readonly DirectNodes _direct = new(new OrleansLogClientOptions(), TimeProvider.System, NullLoggerFactory.Instance);

    public DirectProducerTests()
    {
        _cluster["t"].LeaderNode = 3;
        _node.Produce = (partition, request) => _cluster.Partitions[partition].Produce(request);
        _direct.Update(new RunningNodes(1, ["a", "b"], ["127.0.0.1:1", _node.Endpoint], [2, 3]));
    }

    public void Dispose()
    {
        _direct.Dispose();
        _node.Dispose();
    }

    [Fact]
    public async Task Records_go_straight_to_the_node_that_answers_say_leads()
    {
        await using var producer = Producer();
        await ProduceUntilDirectAsync(producer);
        var before = (_node.Requests, _cluster["t"].Arrived.Count);
        var placed = await producer.ProduceAsync("t", null, "x");
        Assert.Equal(_cluster["t"].EndOffset - 1, placed.Offset);
        Assert.Equal((before.Requests + 1, before.Count + 1), (_node.Requests, _cluster["t"].Arrived.Count));
        Assert.Equal(1, _node.Greetings);
    }

    [Fact]
    public async Task A_node_that_leads_no_more_is_left_and_each_record_is_there_once()
    {
        await using var producer = Producer();
        await ProduceUntilDirectAsync(producer);
        _cluster["t"].LeaderNode = -1;
        _node.Produce = static (_, _) => throw new OrleansLogException(ErrorCode.NotLeaderOrFollower, "not here");
        var before = _node.Requests;
        for (var i = 0; i < 5; i++) await producer.ProduceAsync("t", null, $"after {i}");
        Assert.Equal(before + 1, _node.Requests);
        AssertEachOnce();
    }

    [Fact]
    public async Task A_connection_that_ends_before_the_answer_has_the_record_sent_again_and_stored_once()
    {
        await using var producer = Producer();
        await ProduceUntilDirectAsync(producer);
        _node.Produce = (partition, request) =>
        {
            _node.Produce = (other, again) => _cluster.Partitions[other].Produce(again);
            return Lost(_cluster.Partitions[partition].Produce(request));
        };
        for (var i = 0; i < 5; i++) await producer.ProduceAsync("t", null, $"after {i}");
        AssertEachOnce();

        async Task<ProduceResponse> Lost(Task<ProduceResponse> stored)
        {
            await stored;
            _node.CloseConnections();
            return await stored;
        }
    }

    [Fact]
    public async Task A_node_that_is_said_to_be_gone_is_left_at_once()
    {
        await using var producer = Producer();
        await ProduceUntilDirectAsync(producer);
        // It hangs: it takes what it is sent, and says nothing.
        _node.Produce = static (_, _) => null;
        var before = _node.Requests;
        var hanging = producer.ProduceAsync("t", null, "hangs").AsTask();
        while (_node.Requests == before) await Task.Delay(1);
        Assert.False(hanging.IsCompleted);
        _direct.Update(new RunningNodes(2, ["a"], ["127.0.0.1:1"], [2]));
        await hanging;
        AssertEachOnce();
    }

    [Fact]
    public async Task Where_direct_connections_are_refused_calls_go_by_grains()
    {
        _node.WhyNot = "they are off";
        await using var producer = Producer();
        await producer.ProduceAsync("t", null, "first");
        while (_node.Greetings == 0) await producer.ProduceAsync("t", null, "x");
        for (var i = 0; i < 20; i++) await producer.ProduceAsync("t", null, "x");
        Assert.Equal(0, _node.Requests);
        Assert.Equal(1, _node.Greetings);
    }

    private Producer<string?, string?> Producer() => _cluster.Connect(direct: _direct)
        .CreateProducer(new ProducerOptions<string?, string?> { RetryBackoffMs = 1, RetryBackoffMaxMs = 5 });

    private async Task ProduceUntilDirectAsync(Producer<string?, string?> producer)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        for (var i = 0; _node.Requests == 0; i++)
        {
            patience.Token.ThrowIfCancellationRequested();
            await producer.ProduceAsync("t", null, $"before {i}");
        }
    }

    private void AssertEachOnce()
    {
        var values = _cluster["t"].Read().Select(static record => record.Value).ToList();
        Assert.Equal(values.Distinct(), values);
    }
}
