using System.Net;
using Microsoft.Extensions.DependencyInjection;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka;
using OrleansLog.Kafka.Options;
using OrleansLog.Kafka.Server;
using OrleansLog.Tests.Grains;

namespace OrleansLog.Tests.Kafka;

/// <summary>One silo in this process with a Kafka listener.</summary>
internal sealed class KafkaSilo : IAsyncDisposable
{
    private readonly TemporaryDirectory _data = new();

    public int Port { get; } = Processes.FreePorts.Next();

    public LogCluster Cluster { get; private set; } = null!;

    public KafkaListener Listener => Cluster.Services.GetRequiredService<KafkaListener>();

    public static async Task<KafkaSilo> StartAsync(Action<KafkaOptions>? configure = null)
    {
        var silo = new KafkaSilo();
        silo.Cluster = await LogCluster.StartAsync(
            silo._data.Path, configureSilo: builder => builder.Services.AddOrleansLogKafka(EndpointAt(silo.Port), configure));
        return silo;
    }

    public static KafkaEndpoint EndpointAt(int port) => new(new IPEndPoint(IPAddress.Loopback, port), "127.0.0.1", port);

    public Task<KafkaPeer> ConnectAsync() => KafkaPeer.ConnectAsync(Port);

    public async ValueTask DisposeAsync()
    {
        await Cluster.DisposeAsync();
        _data.Dispose();
    }
}
