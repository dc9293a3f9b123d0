using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>
/// Replaces the socket transport of an Orleans silo or client by one that moves large messages cheaply: Orleans' own receives
/// at most 4 KiB at a time and copies a large message twice more on its way out, which bounds a connection to a fraction of
/// what loopback carries. The wire format is Orleans' own, so either end may use either transport.
/// </summary>
public static class LogTransport
{
    /// <summary>
    /// Uses the transport for every connection of the silo or client whose services these are. Call it last: it replaces the
    /// TCP transports that are registered by then and leaves any other (such as a test cluster's in-memory one) alone.
    /// </summary>
    public static IServiceCollection UseLogTransport(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        for (var i = 0; i < services.Count; i++)
        {
            var descriptor = services[i];
            if (!descriptor.IsKeyedService || !IsOrleansSocketTransport(descriptor)) continue;
            if (descriptor.ServiceType == typeof(IConnectionFactory))
                services[i] = ServiceDescriptor.KeyedSingleton<IConnectionFactory, LogConnectionFactory>(descriptor.ServiceKey);
            else if (descriptor.ServiceType == typeof(IConnectionListenerFactory))
                services[i] = ServiceDescriptor.KeyedSingleton<IConnectionListenerFactory, LogConnectionListenerFactory>(
                    descriptor.ServiceKey);
        }

        return services;
    }

    private static bool IsOrleansSocketTransport(ServiceDescriptor descriptor) =>
        descriptor.KeyedImplementationType?.Namespace == "Orleans.Networking.Shared"
        || descriptor.KeyedImplementationFactory?.Method.DeclaringType?.Assembly.GetName().Name is "Orleans.Core" or "Orleans.Runtime";
}
