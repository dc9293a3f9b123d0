using OrleansLog.Kafka.Protocol;
using OrleansLog.Kafka.Server;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>What clients have in memory stays within its bounds, and whoever finds no room is held back until there is.</summary>
public sealed class BoundsTests
{
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Who_finds_no_room_in_the_budget_waits_in_line()
    {
        var budget = new ByteBudget(100);
        await budget.EnterAsync(60, CancellationToken.None);
        var large = budget.EnterAsync(50, CancellationToken.None).AsTask();
        var small = budget.EnterAsync(10, CancellationToken.None).AsTask(); // has room, but not its turn
        Assert.False(large.IsCompleted || small.IsCompleted);
        budget.Leave(60);
        await Task.WhenAll(large, small).WaitAsync(Long);
        Assert.Equal(60, budget.Used);
    }

    [Fact]
    public async Task Who_gives_up_waiting_holds_nobody_back()
    {
        var budget = new ByteBudget(100);
        await budget.EnterAsync(60, CancellationToken.None);
        using var impatience = new CancellationTokenSource();
        var large = budget.EnterAsync(50, impatience.Token).AsTask();
        var small = budget.EnterAsync(10, CancellationToken.None).AsTask();
        await impatience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large.WaitAsync(Long));
        await small.WaitAsync(Long);
        Assert.Equal(70, budget.Used);
    }

    [Fact]
    public async Task What_is_larger_than_the_whole_budget_gets_in_alone()
    {
        var budget = new ByteBudget(100);
        await budget.EnterAsync(1, CancellationToken.None);
        var large = budget.EnterAsync(500, CancellationToken.None).AsTask();
        Assert.False(large.IsCompleted);
        budget.Leave(1);
        await large.WaitAsync(Long);
        var small = budget.EnterAsync(1, CancellationToken.None).AsTask();
        Assert.False(small.IsCompleted);
        budget.Leave(500);
        await small.WaitAsync(Long);
    }

    [Fact]
    public async Task A_connection_has_so_many_requests_and_bytes_in_flight_and_no_more()
    {
        var inFlight = new InFlight(maxCount: 2, maxBytes: 100);
        await inFlight.EnterAsync(60, CancellationToken.None);
        var byBytes = inFlight.EnterAsync(50, CancellationToken.None).AsTask();
        Assert.False(byBytes.IsCompleted);
        inFlight.Leave(60);
        await byBytes.WaitAsync(Long);
        await inFlight.EnterAsync(1, CancellationToken.None);
        var byCount = inFlight.EnterAsync(1, CancellationToken.None).AsTask();
        Assert.False(byCount.IsCompleted);
        inFlight.Leave(50);
        await byCount.WaitAsync(Long);
    }

    [Fact]
    public async Task A_request_waits_for_the_bytes_that_other_connections_have_in_memory()
    {
        await using var silo = await KafkaSilo.StartAsync(options => (options.SocketRequestMaxBytes, options.MaxBufferedBytes) = (1_048_576, 1_048_576));
        using var slow = await silo.ConnectAsync();
        using var other = await silo.ConnectAsync();
        await other.MetadataAsync("t");
        // All but the end of a request that takes nearly the whole budget.
        await slow.SendAsync(new byte[] { 0, 0x0f, 0x42, 0x40, 0, 0, 0, 9 }); // of 1,000,000 bytes
        await slow.SendAsync(new byte[500_000]);
        var batch = Batches.Of(new string('x', 100_000));
        while (silo.Listener.BufferedBytes < 1_000_000) await Task.Delay(10);
        var id = await other.SendAsync(ApiKey.Produce, 9, isFlexible: true, request => KafkaRequests.WriteProduce(request, "t", batch));
        var answer = other.ReceiveAsync(id);
        await Task.Delay(200);
        Assert.False(answer.IsCompleted, "The request was taken in beyond the budget.");
        slow.Dispose();
        var response = new KafkaResponse(await answer.WaitAsync(Long), isFlexible: true, hasTaggedHeader: true);
        Assert.Equal((ErrorCode.None, 0, null), KafkaRequests.ReadProduced(response));
    }

    [Fact]
    public async Task Clients_that_wait_for_records_hold_no_memory()
    {
        await using var silo = await KafkaSilo.StartAsync(static options => options.MaxBufferedBytes = 2_097_152);
        using var producer = await silo.ConnectAsync();
        await producer.MetadataAsync("t");
        var consumers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => silo.ConnectAsync()));
        var fetches = consumers.Select(static consumer => consumer.FetchAsync([("t", 0)], maxWaitMs: 60_000)).ToArray();
        await Task.Delay(500);
        Assert.InRange(silo.Listener.BufferedBytes, 1, 1000); // the requests
        Assert.Equal(ErrorCode.None, (await producer.ProduceAsync("t", Batches.Of("a")).WaitAsync(Long)).Error);
        foreach (var fetched in await Task.WhenAll(fetches).WaitAsync(Long)) Assert.NotEmpty(fetched[0].Records!);
        foreach (var consumer in consumers) consumer.Dispose();
    }

    [Fact]
    public async Task Connections_beyond_those_that_may_have_a_thread_are_served_as_well_and_threads_come_back()
    {
        await using var silo = await KafkaSilo.StartAsync(static options => options.ConnectionThreads = 2);
        for (var time = 0; time < 3; time++)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => silo.ConnectAsync()));
            foreach (var client in clients) await client.MetadataAsync("t").WaitAsync(Long);
            Assert.Equal((5, 2), (silo.Listener.ConnectionCount, silo.Listener.ThreadCount));
            foreach (var client in clients) client.Dispose();
            for (var began = Environment.TickCount64; silo.Listener.ConnectionCount + silo.Listener.ThreadCount > 0; await Task.Delay(5))
                Assert.True(Environment.TickCount64 - began < Long.TotalMilliseconds, $"{silo.Listener.ThreadCount} threads are left.");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_slow_client_is_disconnected_when_others_wait_for_the_memory_that_it_holds(bool isReader)
    {
        await using var silo = await KafkaSilo.StartAsync(static options =>
            (options.MaxBufferedBytes, options.SlowClientTimeout) = (14_000_000, TimeSpan.FromMilliseconds(500)));
        using var other = await silo.ConnectAsync();
        await other.MetadataAsync("t");
        using var slow = await silo.ConnectAsync();
        var batch = Batches.Of(new string('x', 950_000));
        if (isReader)
        {
            // More than the kernel takes for a client that does not read.
            for (var i = 0; i < 14; i++) Assert.Equal(ErrorCode.None, (await other.ProduceAsync("t", batch)).Error);
            await slow.SendAsync(
                ApiKey.Fetch, KafkaRequests.FetchVersion, isFlexible: true,
                static request => KafkaRequests.WriteFetch(request, [("t", 0)], partitionMaxBytes: 50_000_000));
        }
        else
        {
            await slow.SendAsync(new byte[] { 0, 0xcb, 0x73, 0x60, 0, 0, 0, 9 }); // of 13,333,344 bytes
        }

        while (silo.Listener.BufferedBytes < 13_300_000) await Task.Delay(10);
        await Task.Delay(1500);
        Assert.Equal(2, silo.Listener.ConnectionCount); // nobody waits
        var answer = await other.ProduceAsync("t", batch).WaitAsync(Long);
        Assert.Equal(ErrorCode.None, answer.Error);
        Assert.Equal(1, silo.Listener.ConnectionCount);
    }
}
