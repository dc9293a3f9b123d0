using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansLog.Tests.Grains;
using OrleansLog.Tests.Silo;
using Xunit;

namespace OrleansLog.Tests.Kafka.Clients;

/// <summary>A silo that clients reach under another address and port than those it listens on, as behind a port mapping.</summary>
public sealed class AdvertisedHostTests : IDisposable
{
    private readonly TemporaryDirectory _data = new();

    public void Dispose() => _data.Dispose();

    [KcatFact]
    public async Task A_client_goes_where_it_is_told_and_not_where_it_began()
    {
        var port = SiloProcess.FreePort();
        await using var mapping = new PortMapping(IPAddress.Parse("127.0.0.3"), port);
        await using var silo = SiloProcess.Start(
            _data.Path,
            "--OrleansLog:Kafka:AdvertisedHost=127.0.0.3",
            string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:Kafka:AdvertisedPort={mapping.Port}"),
            "--OrleansLog:Kafka:ListenAddress=127.0.0.1",
            string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:Kafka:Port={port}"));
        await silo.WhenReadyAsync();

        string[] bootstrap = ["-b", string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{port}")];
        var advertised = string.Create(CultureInfo.InvariantCulture, $"127.0.0.3:{mapping.Port}");
        Assert.Contains($"broker 1 at {advertised}", await RealClient.RunAsync("kcat", [.. bootstrap, "-L"]), StringComparison.Ordinal);
        Assert.Equal(0, mapping.Connections);

        await RealClient.RunAsync("kcat", [.. bootstrap, "-P", "-t", "t"], "a\nb\n");
        Assert.InRange(mapping.Connections, 1, int.MaxValue);
        Assert.Equal("a\nb\n", await RealClient.RunAsync("kcat", [.. bootstrap, "-C", "-t", "t", "-o", "beginning", "-e", "-q"]));

        // Where that address leads nowhere, the one it began at is of no use.
        await mapping.DisposeAsync();
        await Assert.ThrowsAnyAsync<Xunit.Sdk.XunitException>(() => RealClient.RunAsync(
            "kcat", [.. bootstrap, "-P", "-t", "t", "-X", "message.timeout.ms=2000"], "c\n"));
    }

    /// <summary>Passes connections on from one address to a port of the loopback address.</summary>
    private sealed class PortMapping : IAsyncDisposable
    {
        private readonly TcpListener _listener;
        private readonly CancellationTokenSource _stopping = new();
        private readonly Task _accepting;
        private readonly List<Task> _passing = [];
        private readonly int _to;
        private int _connections;

        public PortMapping(IPAddress address, int to)
        {
            _to = to;
            _listener = new TcpListener(address, 0);
            _listener.Start();
            _accepting = AcceptAsync();
        }

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public int Connections => Volatile.Read(ref _connections);

        public async ValueTask DisposeAsync()
        {
            if (_stopping.IsCancellationRequested) return;
            await _stopping.CancelAsync();
            _listener.Stop();
            await _accepting;
            await Task.WhenAll(_passing).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        private async Task AcceptAsync()
        {
            try
            {
                while (true)
                {
                    var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
                    Interlocked.Increment(ref _connections);
                    _passing.Add(PassAsync(client));
                }
            }
            catch (OperationCanceledException)
            {
                // The mapping ends.
            }
        }

        private async Task PassAsync(TcpClient client)
        {
            using var _ = client;
            using var silo = new TcpClient();
            await silo.ConnectAsync(IPAddress.Loopback, _to, _stopping.Token);
            await Task.WhenAny(
                client.GetStream().CopyToAsync(silo.GetStream(), _stopping.Token),
                silo.GetStream().CopyToAsync(client.GetStream(), _stopping.Token));
        }
    }
}
