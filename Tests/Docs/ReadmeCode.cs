using Microsoft.Extensions.Hosting;
using OrleansLog.Client;
using OrleansLog.Grains;

namespace OrleansLog.Tests.Docs;

/// <summary>The code of the README, which must compile as it is. It is run against a silo on the default ports, by hand.</summary>
internal static class ReadmeCode
{
    public static async Task FiveMinutesAsync()
    {
        await using var client = await OrleansLogClient.ConnectAsync(new OrleansLogClientOptions());
        await client.Admin.CreateTopicAsync("orders", partitions: 6);

        await using var producer = client.CreateProducer(new ProducerOptions<string, string>());
        var placed = await producer.ProduceAsync("orders", "customer-7", "two pizzas");   // acknowledged: it is on disk
        Console.WriteLine($"{placed.Partition} @ {placed.Offset}");

        await using var consumer = client.CreateConsumer(new ConsumerOptions<string, string>
        {
            GroupId = "kitchen",
            AutoOffsetReset = AutoOffsetReset.Earliest,
        });
        consumer.Subscribe("orders");
        await foreach (var record in consumer.ConsumeAsync())
            Console.WriteLine($"{record.Key}: {record.Value}");
    }

    public static void InYourOwnSilo(HostApplicationBuilder builder)
    {
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering()
            .AddOrleansLog(options => options.DataDirectory = "/var/lib/my-app/log"));
        builder.Services.AddOrleansLogClient();      // OrleansLogClient for your grains and services
    }
}
