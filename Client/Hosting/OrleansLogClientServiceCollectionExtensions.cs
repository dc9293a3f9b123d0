using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace OrleansLog.Client;

/// <summary>Adds the client to a host.</summary>
public static class OrleansLogClientServiceCollectionExtensions
{
    /// <summary>
    /// Adds an <see cref="OrleansLogClient"/> (a singleton) that uses the container's own <see cref="IGrainFactory"/>: inside a
    /// silo, or in a host with an Orleans client.
    /// </summary>
    public static IServiceCollection AddOrleansLogClient(
        this IServiceCollection services, Action<OrleansLogClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<OrleansLogClientOptions>();
        if (configure is not null) services.Configure(configure);
        services.AddConnectionMonitor();
        services.TryAddSingleton(Create);
        return services;
    }

    private static OrleansLogClient Create(IServiceProvider provider)
    {
        var grains = provider.GetService<IGrainFactory>() ?? provider.GetRequiredService<IClusterClient>();
        var monitor = provider.GetRequiredService<ConnectionMonitor>();
        var loggers = provider.GetService<ILoggerFactory>();
        var time = provider.GetService<TimeProvider>();
        // A silo fails its own calls to one that is gone by itself; for a client, only its gateway knows where they went.
        var watch = provider.GetService<ILocalSiloDetails>() is null
            ? new ClusterWatch(grains, monitor, gateways: null, time ?? TimeProvider.System, loggers ?? NullLoggerFactory.Instance)
            : null;
        return new OrleansLogClient(
            grains, provider.GetRequiredService<IOptions<OrleansLogClientOptions>>().Value, provider, loggers, time, watch, monitor);
    }

    /// <summary>Has Orleans tell of broken connections; inside a silo there are none, and nothing is told.</summary>
    internal static void AddConnectionMonitor(this IServiceCollection services)
    {
        if (services.Any(static service => service.ServiceType == typeof(ConnectionMonitor))) return;
        services.AddSingleton<ConnectionMonitor>();
        services.AddSingleton<IClusterConnectionStatusObserver>(static provider => provider.GetRequiredService<ConnectionMonitor>());
    }
}
