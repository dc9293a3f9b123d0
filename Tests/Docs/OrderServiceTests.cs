using Microsoft.Extensions.DependencyInjection;
using Orleans.TestingHost;
using OrleansLog.Client;
using OrleansLog.Grains;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Docs;

public sealed class OrderServiceTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("orders-test-").FullName;
    private InProcessTestCluster _cluster = null!;
    private OrleansLogClient _log = null!;

    public async Task InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(initialSilosCount: 1);
        builder.ConfigureSilo((_, silo) => silo.AddOrleansLog(options => options.DataDirectory = _data));
        builder.ConfigureClient(client => client.Services.AddOrleansLogClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();

        _log = _cluster.Client.ServiceProvider.GetRequiredService<OrleansLogClient>();
        await _log.Admin.CreateTopicAsync("orders", partitions: 3);
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task A_placed_order_reaches_the_kitchen()
    {
        await new OrderService(_log).PlaceAsync("customer-7", "two pizzas");

        // Ends by itself when everything there is has been read: no sleep, and no timeout to be tuned.
        await using var kitchen = _log.CreateConsumer(new ConsumerOptions<string, string>
        {
            GroupId = "kitchen",
            AutoOffsetReset = AutoOffsetReset.Earliest,
            StopAtEnd = true,
        });
        kitchen.Subscribe("orders");
        var received = new List<string>();
        await foreach (var order in kitchen.ConsumeAsync()) received.Add($"{order.Key}: {order.Value}");

        Assert.Equal(["customer-7: two pizzas"], received);
    }

    [Fact]
    public async Task Orders_of_a_customer_keep_their_order()
    {
        var service = new OrderService(_log);
        for (var i = 0; i < 100; i++) await service.PlaceAsync("customer-7", $"order {i}");

        await using var reader = _log.CreateConsumer(new ConsumerOptions<string, string> { StopAtEnd = true });
        reader.Assign(Enumerable.Range(0, 3).Select(partition => KeyValuePair.Create(new TopicPartition("orders", partition), LogPosition.Beginning)));
        var values = new List<string>();
        await foreach (var order in reader.ConsumeAsync()) values.Add(order.Value);

        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"order {i}"), values);
    }
}

/// <summary>The application under test.</summary>
public sealed class OrderService(OrleansLogClient log)
{
    public async Task PlaceAsync(string customer, string order)
    {
        await using var producer = log.CreateProducer<string, string>();
        await producer.ProduceAsync("orders", customer, order);
    }
}
