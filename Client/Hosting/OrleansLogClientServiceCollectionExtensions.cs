using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
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
        services.TryAddSingleton(static provider => new OrleansLogClient(
            provider.GetService<IGrainFactory>() ?? provider.GetRequiredService<IClusterClient>(),
            provider.GetRequiredService<IOptions<OrleansLogClientOptions>>().Value,
            provider,
            provider.GetService<ILoggerFactory>(),
            provider.GetService<TimeProvider>(),
            connectionMonitor: provider.GetRequiredService<ConnectionMonitor>()));
        return services;
    }

    /// <summary>Has Orleans tell of broken connections; inside a silo there are none, and nothing is told.</summary>
    internal static void AddConnectionMonitor(this IServiceCollection services)
    {
        if (services.Any(static service => service.ServiceType == typeof(ConnectionMonitor))) return;
        services.AddSingleton<ConnectionMonitor>();
        services.AddSingleton<IClusterConnectionStatusObserver>(static provider => provider.GetRequiredService<ConnectionMonitor>());
    }
}
