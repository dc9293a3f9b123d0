using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OrleansLog.Client;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Records;
using OrleansLog.Tests.Processes;
using Xunit;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// Bad input, by the typed client, by the command and by a grain call that no client of ours would make: each gets an error that
/// names the thing and carries Kafka's code, and nothing is lost.
/// </summary>
[Collection(ProcessCollection.Name)]
public sealed class BadInputTests(BadInputTests.RunningSilo running) : IClassFixture<BadInputTests.RunningSilo>
{
    private SiloSetup Setup => running.Silo.Setup;

    private OrleansLogClient Client => running.Client;

    [Fact]
    public async Task An_unknown_topic()
    {
        await using var producer = Client.CreateProducer<string, string>();
        await ExpectAsync(
            ErrorCode.UnknownTopicOrPartition, async () => await producer.ProduceAsync("nowhere", "key", "value"), "nowhere");
        await ExpectAsync(ErrorCode.UnknownTopicOrPartition, () => Client.Admin.DescribeTopicAsync("nowhere"), "nowhere");
        await ExpectAsync(
            ErrorCode.UnknownTopicOrPartition,
            async () => await producer.ProduceAsync(new ProducerRecord<string, string>(running.Topic, "key", "value") { Partition = 7 }),
            running.Topic, "7");
        await ExpectAsync(ErrorCode.UnknownTopicOrPartition, async () => await ReadFirstAsync(new TopicPartition("nowhere", 0), LogPosition.Beginning), "nowhere");

        await ExpectCommandAsync(1, ["produce", "nowhere"], "UnknownTopicOrPartition", "nowhere");
        await ExpectCommandAsync(1, ["consume", "nowhere", "--until-end"], "UnknownTopicOrPartition", "nowhere");
        await ExpectCommandAsync(1, ["topic", "delete", "nowhere", "--yes"], "UnknownTopicOrPartition", "nowhere");
    }

    [Fact]
    public async Task An_invalid_topic_name()
    {
        await ExpectAsync(ErrorCode.InvalidTopic, () => Client.Admin.CreateTopicAsync("no spaces!"), "no spaces!");
        await ExpectAsync(ErrorCode.InvalidTopic, () => Client.Admin.CreateTopicAsync(".."), "..");
        await ExpectAsync(ErrorCode.InvalidTopic, () => Client.Admin.CreateTopicAsync(new string('a', 250)), "249");
        await ExpectCommandAsync(1, ["topic", "create", "no spaces!"], "InvalidTopic", "no spaces!");
    }

    [Fact]
    public async Task A_record_over_max_message_bytes()
    {
        const string Topic = "small-records";
        await Client.Admin.CreateTopicAsync(Topic, 1, configs: new Dictionary<string, string> { ["max.message.bytes"] = "1000" });
        await using var producer = Client.CreateProducer<string, string>();
        await ExpectAsync(
            ErrorCode.RecordTooLarge, async () => await producer.ProduceAsync(Topic, "key", new string('x', 2000)), "1000", "max.message.bytes", Topic);
        // More than the client itself would send, to a topic that would take it.
        await Client.Admin.CreateTopicAsync("large-records", 1, configs: new Dictionary<string, string> { ["max.message.bytes"] = "9000000" });
        await ExpectAsync(
            ErrorCode.RecordTooLarge, async () => await producer.ProduceAsync("large-records", "key", new string('x', 2_000_000)), "2000", "MaxRequestSize");
        await ExpectCommandAsync(1, ["produce", Topic], "RecordTooLarge", "1000", input: new string('x', 2000) + "\n");

        // The records around it are none the worse.
        Assert.Equal(0, (await producer.ProduceAsync(Topic, "key", "small enough")).Offset);
    }

    [Fact]
    public async Task A_batch_whose_CRC_does_not_match()
    {
        var batch = Batch(producerId: -1, baseSequence: -1);
        batch[^1] ^= 1;
        await ExpectAsync(ErrorCode.CorruptMessage, () => ProduceRawAsync(batch), "CRC", $"{running.Topic}-0");

        var torn = Batch(producerId: -1, baseSequence: -1)[..^1];
        await ExpectAsync(ErrorCode.CorruptMessage, () => ProduceRawAsync(torn));
    }

    [Fact]
    public async Task A_gap_in_a_producers_sequence()
    {
        var producerId = (await running.Grains.GetCatalog().AllocateProducerIds(1)).FirstId;
        await ProduceRawAsync(Batch(producerId, baseSequence: 0));
        await ExpectAsync(ErrorCode.OutOfOrderSequenceNumber, () => ProduceRawAsync(Batch(producerId, baseSequence: 100)), "100");
    }

    [Fact]
    public async Task An_offset_out_of_range()
    {
        var partition = new TopicPartition(running.Topic, 0);
        await ExpectAsync(
            ErrorCode.OffsetOutOfRange,
            () => running.Grains.GetPartition(partition).Fetch(new FetchRequest(123_456, 1024)), partition.ToString(), "123456");
        await ExpectAsync(
            ErrorCode.OffsetOutOfRange, async () => await ReadFirstAsync(partition, LogPosition.At(123_456)), partition.ToString(), "123456");
        await ExpectAsync(ErrorCode.OffsetOutOfRange, () => Client.Admin.DeleteRecordsAsync(partition, 123_456), partition.ToString(), "123456");
        await ExpectCommandAsync(
            1, ["consume", running.Topic, "--partition", "0", "--offset", "123456", "--count", "1"], "OffsetOutOfRange", "123456");
    }

    [Fact]
    public async Task An_unknown_or_invalid_configuration()
    {
        await ExpectAsync(
            ErrorCode.InvalidConfig,
            () => Client.Admin.CreateTopicAsync("misconfigured", 1, configs: new Dictionary<string, string> { ["retention.mss"] = "1" }),
            "retention.mss", "retention.ms");
        await ExpectAsync(
            ErrorCode.InvalidConfig,
            () => Client.Admin.AlterTopicConfigAsync(running.Topic, new Dictionary<string, string?> { ["retention.ms"] = "soon" }),
            "retention.ms", "soon");
        await ExpectCommandAsync(1, ["topic", "create", "misconfigured", "--config", "retention.mss=1"], "InvalidConfig", "retention.ms");
        await ExpectCommandAsync(1, ["topic", "create", "misconfigured", "--config", "cleanup.policy=burn"], "InvalidConfig", "burn");
        await ExpectAsync(ErrorCode.UnknownTopicOrPartition, () => Client.Admin.DescribeTopicAsync("misconfigured"));
    }

    [Fact]
    public async Task A_second_silo_on_the_same_data_directory()
    {
        await ExpectNoStartAsync(SiloSetup.In(Setup.DataDirectory), Setup.DataDirectory, "in use", running.Silo.Process.Id.ToString());
    }

    [Fact]
    public async Task A_data_directory_of_another_cluster_or_node()
    {
        using var directory = new TemporaryDirectory();
        var setup = SiloSetup.In(directory["data"]);
        await using (var silo = await SiloProcess.StartAsync(setup)) await silo.StopAsync();

        var foreign = new Dictionary<string, string> { ["OrleansLog:ClusterId"] = "another" };
        await ExpectNoStartAsync(setup with { Settings = foreign }, setup.DataDirectory, "another", "belongs to cluster");
        var other = new Dictionary<string, string> { ["OrleansLog:NodeId"] = "77" };
        await ExpectNoStartAsync(setup with { Settings = other }, setup.DataDirectory, "77", "belongs to node");
    }

    [Fact]
    public async Task A_port_in_use()
    {
        using var directory = new TemporaryDirectory();
        using var listener = new TcpListener(IPAddress.Loopback, FreePorts.Next());
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var setup = SiloSetup.In(directory["data"]);
        await ExpectNoStartAsync(setup with { GatewayPort = port }, port.ToString(), "in use", "OrleansLog:GatewayPort");
        await ExpectNoStartAsync(setup with { SiloPort = port }, port.ToString(), "in use", "OrleansLog:SiloPort");
    }

    [Fact]
    public async Task An_unknown_setting_of_the_silo()
    {
        using var directory = new TemporaryDirectory();
        var setup = SiloSetup.In(directory["data"]) with { Settings = new Dictionary<string, string> { ["OrleansLog:DataDir"] = "x" } };
        await ExpectNoStartAsync(setup, "OrleansLog:DataDir'", "did you mean 'OrleansLog:DataDirectory'");
    }

    [Fact]
    public async Task No_silo_where_the_command_looks_for_one()
    {
        var nobody = SiloSetup.In("unused");
        var result = await CliProcess.RunAsync(nobody, "topic", "list");
        Assert.True(result.ExitCode == 3, result.ToString());
        Assert.Contains(nobody.Endpoint, result.Errors, StringComparison.Ordinal);
    }

    private static async Task ExpectAsync(ErrorCode error, Func<Task> act, params string[] named)
    {
        var refused = await Assert.ThrowsAsync<OrleansLogException>(() => act().WaitAsync(CliProcess.Limit));
        Assert.True(refused.Error == error, $"{refused.Error} in place of {error}: {refused.Message}");
        Assert.All(named, name => Assert.Contains(name, refused.Message, StringComparison.Ordinal));
    }

    private async Task ExpectCommandAsync(int exitCode, string[] arguments, string error, string named, string input = "")
    {
        var result = await CliProcess.RunAsync(Setup, arguments, input, CliProcess.Limit);
        Assert.True(result.ExitCode == exitCode, result.ToString());
        Assert.Contains(error, result.Errors, StringComparison.Ordinal);
        Assert.Contains(named, result.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Errors, StringComparison.Ordinal);
    }

    private static async Task ExpectNoStartAsync(SiloSetup setup, params string[] named)
    {
        await using var process = SiloProcess.Launch(setup);
        var exitCode = await process.WaitForExitAsync(SiloProcess.StartLimit);
        Assert.True(exitCode == 1, $"Exit code {exitCode}. {process.Describe()}");
        Assert.All(named, name => Assert.Contains(name, process.Errors.Text, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", process.Errors.Text, StringComparison.Ordinal);
    }

    private async Task ReadFirstAsync(TopicPartition partition, LogPosition position)
    {
        await using var consumer = Client.CreateConsumer(new ConsumerOptions<string, string> { AutoOffsetReset = AutoOffsetReset.None });
        consumer.Assign([KeyValuePair.Create(partition, position)]);
        await foreach (var record in consumer.ConsumeAsync()) Assert.Fail($"Offset {record.Offset} was read.");
    }

    private async Task ProduceRawAsync(byte[] batch)
    {
        var partition = running.Grains.GetPartition(new TopicPartition(running.Topic, 0));
        await partition.Produce(new ProduceRequest(RecordBytes.Borrow(batch), -1, 30_000));
    }

    private static byte[] Batch(long producerId, int baseSequence)
    {
        using var builder = new RecordBatchBuilder(1024);
        builder.TryAppend(1, "key"u8, true, "value"u8, true);
        if (producerId >= 0) builder.SetProducer(producerId, 0, baseSequence);
        return builder.Build().ToArray();
    }

    /// <summary>A silo with a record in it, which must still be there when all is over, and two ways to it.</summary>
    public sealed class RunningSilo : IAsyncLifetime
    {
        private const string Precious = "still here";

        private readonly TemporaryDirectory _directory = new();
        private IHost _host = null!;

        public string Topic => "topic";

        public SiloProcess Silo { get; private set; } = null!;

        /// <summary>The client that a host of the user's gets from <c>AddOrleansLogClient()</c>.</summary>
        public OrleansLogClient Client => _host.Services.GetRequiredService<OrleansLogClient>();

        public IGrainFactory Grains => _host.Services.GetRequiredService<IClusterClient>();

        public async Task InitializeAsync()
        {
            Silo = await SiloProcess.StartAsync(SiloSetup.In(_directory["data"]));
            var builder = new HostApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
            builder.UseOrleansClient(client => client
                .UseStaticClustering(new IPEndPoint(IPAddress.Loopback, Silo.Setup.GatewayPort)));
            builder.Services.UseLogTransport();
            builder.Services.AddOrleansLogClient();
            _host = builder.Build();
            await _host.StartAsync();
            await Client.Admin.CreateTopicAsync(Topic, 2);
            await using var producer = Client.CreateProducer<string, string>();
            await producer.ProduceAsync(new ProducerRecord<string, string>(Topic, "key", Precious) { Partition = 1 });
        }

        public async Task DisposeAsync()
        {
            try
            {
                await using var consumer = Client.CreateConsumer(new ConsumerOptions<string, string> { StopAtEnd = true });
                consumer.Assign([KeyValuePair.Create(new TopicPartition(Topic, 1), LogPosition.Beginning)]);
                var records = new List<string>();
                await foreach (var record in consumer.ConsumeAsync()) records.Add(record.Value);
                Assert.Equal([Precious], records);
            }
            finally
            {
                await _host.StopAsync();
                _host.Dispose();
                await Silo.DisposeAsync();
                _directory.Dispose();
            }
        }
    }
}
