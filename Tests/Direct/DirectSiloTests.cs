using System.Globalization;
using System.Net;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Records;
using OrleansLog.Tests.Engine.Files;
using OrleansLog.Tests.Grains;
using OrleansLog.Tests.Silo;
using Xunit;

namespace OrleansLog.Tests.Direct;

/// <summary>Direct connections to a real silo.</summary>
public sealed class DirectSiloTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private static readonly DirectGreeting s_greeting = new(DirectGreeting.CurrentVersion, DirectRole.Producer, "default", "default");
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Fact]
    public async Task A_client_that_speaks_frames_produces_and_is_told_what_is_wrong()
    {
        await using var silo = await StartAsync();
        await using var client = await ConnectAsync(silo);
        await client.Admin.CreateTopicAsync("t", 1);
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, string>());
        await producer.ProduceAsync("t", default, "by a grain");

        var channel = await ChannelAsync(silo, s_greeting);
        var response = await ProduceAsync(channel, "t", TestLog.Batch([("k", "v"), ("k", "w")]));
        Assert.Equal(1L, Assert.Single(response.BaseOffsets));
        Assert.Equal(0, response.LeaderEpoch);

        // More at a time than a connection may have begun.
        var many = Enumerable.Range(0, 3000).Select(i => ProduceAsync(channel, "t", TestLog.Batch([("k", $"{i}")]))).ToArray();
        Assert.Equal(Enumerable.Range(3, 3000).Select(static i => (long)i), (await Task.WhenAll(many)).Select(static one => one.BaseOffsets[0]));

        Assert.Equal(ErrorCode.NotLeaderOrFollower, (await Refused(ProduceAsync(channel, "elsewhere", TestLog.Batch([("k", "v")])))).Error);
        Assert.Equal(ErrorCode.InvalidRequiredAcks, (await Refused(ProduceAsync(channel, "t", TestLog.Batch([("k", "v")]), acks: 7))).Error);
        var damaged = TestLog.Batch([("k", "v")]);
        damaged[^1] ^= 1;
        Assert.Equal(ErrorCode.CorruptMessage, (await Refused(ProduceAsync(channel, "t", damaged))).Error);
        Assert.Equal(ErrorCode.InvalidTopic, (await Refused(ProduceInternalAsync(client, channel))).Error);

        // What it sends is no request: that ends the connection, and nothing else.
        await Assert.ThrowsAsync<IOException>(() => new Nonsense(silo).SayAsync(s_greeting));
        Assert.Equal(3003L, (await ProduceAsync(channel, "t", TestLog.Batch([("k", "v")]))).BaseOffsets[0]);
        channel.Close(new IOException("the test is over"));
    }

    [Fact]
    public async Task Who_says_nothing_or_too_much_before_its_greeting_is_cut_off()
    {
        await using var silo = await StartAsync();
        using var silent = ProduceChannel.Connect(new IPEndPoint(IPAddress.Loopback, silo.GatewayPort), s_patience);
        using var loud = ProduceChannel.Connect(new IPEndPoint(IPAddress.Loopback, silo.GatewayPort), s_patience);
        loud.Send([0, 0, 16, 0, 1, 2, 3]);
        silent.ReceiveTimeout = loud.ReceiveTimeout = (int)s_patience.TotalMilliseconds;
        Assert.Equal(0, ReceiveOrEnd(loud));
        Assert.Equal(0, ReceiveOrEnd(silent));

        static int ReceiveOrEnd(System.Net.Sockets.Socket socket)
        {
            try
            {
                return socket.Receive(new byte[1]);
            }
            catch (System.Net.Sockets.SocketException reset) when (reset.SocketErrorCode == System.Net.Sockets.SocketError.ConnectionReset)
            {
                return 0;
            }
        }
    }

    [Theory]
    [InlineData("other", "default", "cluster id here is 'default'")]
    [InlineData("default", "other", "service id here is 'default'")]
    public async Task Who_means_another_cluster_is_refused_by_name(string cluster, string service, string why)
    {
        await using var silo = await StartAsync();
        var refused = await Assert.ThrowsAsync<IOException>(() => ChannelAsync(silo, s_greeting with { ClusterId = cluster, Meant = service }));
        Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        var version = await Assert.ThrowsAsync<IOException>(() => ChannelAsync(silo, s_greeting with { Version = 9 }));
        Assert.Contains("not 9", version.Message, StringComparison.Ordinal);
        var node = await Assert.ThrowsAsync<IOException>(() => ChannelAsync(silo, s_greeting with { Role = DirectRole.Leader }));
        Assert.Contains("this is a node of the cluster", node.Message, StringComparison.Ordinal);
        var role = await Assert.ThrowsAsync<IOException>(() => ChannelAsync(silo, s_greeting with { Role = (DirectRole)200 }));
        Assert.Contains("200", role.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_they_are_turned_off_they_are_refused_and_clients_go_by_Orleans()
    {
        await using var silo = await StartAsync("--OrleansLog:DirectConnections=false");
        var refused = await Assert.ThrowsAsync<IOException>(() => ChannelAsync(silo, s_greeting));
        Assert.Contains("OrleansLog:DirectConnections is off", refused.Message, StringComparison.Ordinal);
        await using var client = await ConnectAsync(silo);
        await client.Admin.CreateTopicAsync("t", 1);
        await using var producer = client.CreateProducer(new ProducerOptions<NoKey, string>());
        for (var i = 0; i < 20; i++) Assert.Equal(i, (await producer.ProduceAsync("t", default, "x")).Offset);
    }

    private async Task<SiloProcess> StartAsync(params string[] settings)
    {
        var silo = SiloProcess.Start(_data.Path, settings);
        await silo.WhenReadyAsync();
        return silo;
    }

    private static Task<OrleansLogClient> ConnectAsync(SiloProcess silo) => OrleansLogClient.ConnectAsync(
        new OrleansLogClientOptions { Endpoints = string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{silo.GatewayPort}") });

    private static async Task<ProduceChannel> ChannelAsync(SiloProcess silo, DirectGreeting greeting)
    {
        using var patience = new CancellationTokenSource(s_patience);
        var channel = new ProduceChannel(ProduceChannel.Connect(new IPEndPoint(IPAddress.Loopback, silo.GatewayPort), s_patience), "test");
        await channel.GreetAsync(greeting, patience.Token);
        return channel;
    }

    private static Task<ProduceResponse> ProduceAsync(ProduceChannel channel, string topic, byte[] batch, short acks = -1) =>
        channel.ProduceAsync(new TopicPartition(topic, 0), new ProduceRequest(RecordBytes.Borrow(batch), acks, 30_000)).WaitAsync(s_patience);

    private static async Task<ProduceResponse> ProduceInternalAsync(OrleansLogClient client, ProduceChannel channel)
    {
        await using (var consumer = client.CreateConsumer(new ConsumerOptions<NoKey, string> { GroupId = "g", StopAtEnd = true, AutoOffsetReset = AutoOffsetReset.Earliest }))
        {
            consumer.Subscribe("t");
            await foreach (var _ in consumer.ConsumeAsync()) break;
            await consumer.CommitAsync();
        }

        for (var partition = 0; ; partition++)
        {
            try
            {
                var to = new TopicPartition("__consumer_offsets", partition);
                return await channel.ProduceAsync(to, new ProduceRequest(RecordBytes.Borrow(TestLog.Batch([("k", "v")])), -1, 30_000));
            }
            catch (OrleansLogException notLed) when (notLed.Error == ErrorCode.NotLeaderOrFollower && partition < 100)
            {
                // Only the group's partition is led.
            }
        }
    }

    private static Task<OrleansLogException> Refused(Task request) => Assert.ThrowsAsync<OrleansLogException>(() => request);

    private sealed class Nonsense(SiloProcess silo) : DirectChannel<ProduceAnswer>(
        Connect(new IPEndPoint(IPAddress.Loopback, silo.GatewayPort), s_patience), 1024, 1024 * 1024, "nonsense")
    {
        public async Task SayAsync(DirectGreeting greeting)
        {
            await GreetAsync(greeting, CancellationToken.None);
            await SendAsync(1, [99, 1, 2, 3], default, CancellationToken.None).WaitAsync(s_patience);
        }

        protected override (int Call, ProduceAnswer Answer) ReadAnswer(ReadOnlySpan<byte> frame) => ProduceFrames.ReadAnswer(frame);
    }
}
