using System.Net;
using System.Net.Sockets;
using OrleansLog.Silo;
using OrleansLog.Tests.Grains;
using Xunit;

namespace OrleansLog.Tests.Silo;

/// <summary>Settings that keep the silo from starting, told before anything is begun.</summary>
public sealed class SiloSettingsTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [Theory]
    [InlineData("--OrleansLog:DataDirectry=/x", "'OrleansLog:DataDirectry'", "'OrleansLog:DataDirectory'")]
    [InlineData("--OrleansLog:Metadata:ConnectonString=x", "'OrleansLog:Metadata:ConnectonString'", "ConnectionString'")]
    [InlineData("--OrleansLog:DefaultPartitions=many", "'many'", "OrleansLog:DefaultPartitions")]
    [InlineData("--OrleansLog:DefaultPartitions=0", "OrleansLog:DefaultPartitions is 0", "from 1 to")]
    [InlineData("--OrleansLog:TopicDefaults:retention.mss=1", "'retention.mss'", "retention.ms?")]
    [InlineData("--OrleansLog:TopicDefaults:retention.ms=soon", "'soon'", "retention.ms")]
    [InlineData("--OrleansLog:GatewayPort=70000", "OrleansLog:GatewayPort is 70000", "65535")]
    [InlineData("--OrleansLog:GatewayPort=11111", "OrleansLog:SiloPort are both 11111", "different")]
    [InlineData("--OrleansLog:Kafka:Prot=1", "'OrleansLog:Kafka:Prot'", "'OrleansLog:Kafka:Port'")]
    [InlineData("--OrleansLog:Kafka:Port=0", "OrleansLog:Kafka:Port is 0", "65535")]
    [InlineData("--OrleansLog:Kafka:Port=30000", "OrleansLog:Kafka:Port are both 30000", "different")]
    [InlineData("--OrleansLog:Kafka:MaxConnections=0", "OrleansLog:Kafka:MaxConnections is 0", "from 1 to")]
    [InlineData("--OrleansLog:Kafka:SocketRequestMaxBytes=1", "OrleansLog:Kafka:SocketRequestMaxBytes is 1", "from 1024 to")]
    [InlineData("--OrleansLog:Kafka:ListenAddress=here", "OrleansLog:Kafka:ListenAddress is 'here'", "127.0.0.1")]
    [InlineData("--OrleansLog:Kafka:AdvertisedHost=", "OrleansLog:Kafka:AdvertisedHost is empty", "reach this node")]
    [InlineData("--OrleansLog:Metadata:Provider=Oracle", "'Oracle'", "OrleansLog:Metadata:Provider")]
    [InlineData("--OrleansLog:Metadata:Provider=PostgreSql", "OrleansLog:Metadata:ConnectionString is missing", "'Host=<host>;")]
    [InlineData("--OrleansLog:Metadata:ConnectionString=Host=db;Nonsense=1", "no connection string of PostgreSQL", "nonsense")]
    [InlineData("--OrleansLog:Metadata:StartTimeout=-00:00:01", "OrleansLog:Metadata:StartTimeout is -00:00:01", "from 00:00:00")]
    [InlineData("--OrleansLog:ListenAddress=here", "OrleansLog:ListenAddress is 'here'", "127.0.0.1")]
    [InlineData("--OrleansLog:AdvertisedHost=0.0.0.0", "OrleansLog:AdvertisedHost is '0.0.0.0'", "reach this machine")]
    [InlineData("--OrleansLog:Groups:SesionTimeout=00:00:10", "'OrleansLog:Groups:SesionTimeout'", "SessionTimeout'")]
    [InlineData("--verbose", "'--verbose'", "--OrleansLog:")]
    [InlineData("--OrleansLog:Rack", "'--OrleansLog:Rack'", "no value")]
    public Task One_that_is_wrong_is_named_with_the_fix(string argument, string words, string fix) =>
        CannotStart([$"--OrleansLog:DataDirectory={_data.Path}", argument], words, fix);

    [Theory]
    [InlineData("OrleansLog:GatewayPort")]
    [InlineData("OrleansLog:SiloPort")]
    [InlineData("OrleansLog:Kafka:Port")]
    public async Task A_port_in_use_is_named_with_its_setting(string setting)
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await CannotStart(
            [
                $"--OrleansLog:DataDirectory={_data.Path}",
                $"--OrleansLog:GatewayPort={SiloProcess.FreePort()}",
                $"--OrleansLog:SiloPort={SiloProcess.FreePort()}",
                $"--OrleansLog:Kafka:Port={SiloProcess.FreePort()}",
                $"--{setting}={port}",
            ],
            $"port {port}",
            setting,
            "in use");
    }

    private static async Task CannotStart(string[] args, params string[] words)
    {
        var (output, errors) = (new StringWriter(), new StringWriter());
        Assert.Equal(SiloProgram.CannotStart, await SiloProgram.RunAsync(args, output, errors));
        Assert.Empty(output.ToString());
        Assert.All(words, word => Assert.Contains(word, errors.ToString(), StringComparison.Ordinal));
        Assert.Single(errors.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }
}
