using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Groups;

namespace OrleansLog.Grains.Groups;

/// <summary>The services of consumer groups.</summary>
internal static class GroupServices
{
    /// <summary>The configuration section of <see cref="GroupOptions"/>.</summary>
    public const string SectionName = OrleansLogOptions.SectionName + ":Groups";

    /// <summary>Adds what <see cref="ConsumerGroupGrain"/> needs. Once for a silo.</summary>
    public static IServiceCollection AddConsumerGroups(this IServiceCollection services)
    {
        services.AddOptions<GroupOptions>().BindConfiguration(SectionName).ValidateOnStart();
        services.AddSingleton<IValidateOptions<GroupOptions>, GroupOptionsValidator>();
        services.AddSingleton<GroupTopicsCache>();
        services.AddSingleton<GroupLoader>();
        services.AddSingleton<GroupExpiry>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<GroupExpiry>());
        return services;
    }
}
