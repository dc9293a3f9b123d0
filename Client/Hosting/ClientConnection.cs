using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Messaging;
using OrleansLog.Grains.Interfaces.Serialization;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// An Orleans client of our own. It is built on a bare service collection, not on a generic host: a command that lives for a
/// second needs no configuration files, no console lifetime and no signal handlers.
/// </summary>
internal sealed class ClientConnection : IAsyncDisposable
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(100);

    private readonly ServiceProvider _services;
    private readonly IHostedService[] _hosted;
    private ClusterWatch? _watch;
    private DirectNodes? _direct;
    private int _disposed;

    private ClientConnection(ServiceProvider services)
    {
        _services = services;
        _hosted = [.. services.GetServices<IHostedService>()];
    }

    public static async Task<OrleansLogClient> ConnectAsync(OrleansLogClientOptions options, CancellationToken cancellationToken)
    {
        var endpoints = await ResolveAsync(options.Endpoints, cancellationToken).ConfigureAwait(false);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(options.ConnectTimeout);
        var connection = new ClientConnection(Build(options, endpoints, deadline.Token));
        try
        {
            foreach (var service in connection._hosted) await service.StartAsync(deadline.Token).ConfigureAwait(false);
            var direct = options.DirectConnections ? connection._direct = Direct(connection._services, options) : null;
            connection._watch = Watch(connection._services, direct);
            return new OrleansLogClient(
                connection._services.GetRequiredService<IClusterClient>(),
                options,
                connection._services,
                connection._services.GetService<ILoggerFactory>(),
                connection._services.GetService<TimeProvider>(),
                connection,
                connection._services.GetRequiredService<ConnectionMonitor>(),
                direct);
        }
        catch (Exception exception)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            cancellationToken.ThrowIfCancellationRequested();
            throw Unreachable(options, exception);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        if (_watch is not null) await _watch.DisposeAsync().ConfigureAwait(false);
        _direct?.Dispose();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5));
        foreach (var service in _hosted.AsEnumerable().Reverse())
        {
            try
            {
                await service.StopAsync(patience.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // The connection is going away; that the other side went first changes nothing.
            }
        }

        await _services.DisposeAsync().ConfigureAwait(false);
    }

    private static DirectNodes Direct(ServiceProvider services, OrleansLogClientOptions options) => new(
        options, services.GetService<TimeProvider>() ?? TimeProvider.System, services.GetRequiredService<ILoggerFactory>());

    private static ClusterWatch Watch(ServiceProvider services, DirectNodes? direct) => new(
        services.GetRequiredService<IClusterClient>(),
        services.GetRequiredService<ConnectionMonitor>(),
        services.GetRequiredService<WatchedGateways>(),
        services.GetService<TimeProvider>() ?? TimeProvider.System,
        services.GetRequiredService<ILoggerFactory>(),
        direct);

    private static ServiceProvider Build(
        OrleansLogClientOptions options, IPEndPoint[] endpoints, CancellationToken deadline)
    {
        var services = new ServiceCollection();
        services.AddLogging(options.Logging ?? (static _ => { }));
        services.AddOrleansClient(client =>
        {
            var gateways = new WatchedGateways(endpoints);
            client.Services.AddSingleton(gateways);
            client.Services.AddSingleton<IGatewayListProvider>(gateways);
            client.Configure<GatewayOptions>(options => options.GatewayListRefreshPeriod = WatchedGateways.RefreshPeriod);
            client.UseConnectionRetryFilter(async (_, _) =>
            {
                try
                {
                    await Task.Delay(RetryPause, deadline).ConfigureAwait(false);
                    return true;
                }
                catch (OperationCanceledException)
                {
                    return false;
                }
            });
            client.Configure<ClusterOptions>(cluster =>
            {
                cluster.ClusterId = options.ClusterId;
                cluster.ServiceId = options.ServiceId;
            });
        });
        services.AddConnectionMonitor();
        services.UseLogTransport();
        services.AddForeignExceptions();
        return services.BuildServiceProvider();
    }

    private static OrleansLogException Unreachable(OrleansLogClientOptions options, Exception cause) => new(
        ErrorCode.NetworkException,
        $"No OrleansLog silo answered at {options.Endpoints} within {options.ConnectTimeout.TotalSeconds:0.###} s " +
        $"(cluster '{options.ClusterId}', service '{options.ServiceId}'). Is it running, and is its Orleans gateway on that port?",
        cause);

    private static async Task<IPEndPoint[]> ResolveAsync(string endpoints, CancellationToken cancellationToken)
    {
        var result = new List<IPEndPoint>();
        foreach (var text in endpoints.Split([',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var colon = text.LastIndexOf(':');
            if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), out var port) || port == 0)
                throw OptionCheck.Refuse(
                    nameof(OrleansLogClientOptions.Endpoints), $"'{text}'", "it must be of the form host:port with a port from 1 to 65535");
            var host = text[..colon].Trim('[', ']');
            try
            {
                foreach (var address in await Dns.GetHostAddressesAsync(host, cancellationToken).ConfigureAwait(false))
                    result.Add(new IPEndPoint(address, port));
            }
            catch (SocketException exception)
            {
                throw new OrleansLogException(
                    ErrorCode.NetworkException, $"The name '{host}' of the endpoint '{text}' cannot be resolved.", exception);
            }
        }

        return [.. result];
    }
}
