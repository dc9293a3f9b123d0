using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Options;
using OrleansLog.Kafka.Server;

namespace OrleansLog.Kafka;

/// <summary>Puts the Kafka protocol into a silo.</summary>
public static class KafkaServiceCollectionExtensions
{
    /// <summary>
    /// Has a silo with the log (<c>AddOrleansLog</c>) listen for Kafka clients. Settings come from the configuration section
    /// <see cref="KafkaOptions.SectionName"/>, if the host has one, and then from <paramref name="configure"/>.
    /// </summary>
    /// <param name="services">The silo's services.</param>
    /// <param name="endpoint">Where to listen, and what to tell clients.</param>
    /// <param name="configure">Further settings.</param>
    public static IServiceCollection AddOrleansLogKafka(
        this IServiceCollection services, KafkaEndpoint endpoint, Action<KafkaOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(endpoint);
        var options = services.AddOptions<KafkaOptions>().BindConfiguration(KafkaOptions.SectionName);
        if (configure is not null) options.Configure(configure);
        options.ValidateOnStart();
        services.AddSingleton<IValidateOptions<KafkaOptions>, KafkaOptionsValidator>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(endpoint);
        services.AddSingleton<KafkaListener>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<KafkaListener>());
        return services;
    }
}
