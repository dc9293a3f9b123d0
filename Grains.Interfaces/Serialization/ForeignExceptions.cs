using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace OrleansLog.Grains.Interfaces.Serialization;

/// <summary>
/// Exceptions of the libraries that a silo stands on. Orleans sends those of .NET and of itself; one of another namespace, be it the cause of the cause,
/// would make of whatever is answered an error of serialization, and nobody could tell that the call may be repeated.
/// </summary>
internal static class ForeignExceptions
{
    /// <summary>Lets them pass, in the silo or client whose services these are.</summary>
    public static IServiceCollection AddForeignExceptions(this IServiceCollection services)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.Configure<ExceptionSerializationOptions>(static options =>
        {
            options.SupportedNamespacePrefixes.Add("Polly"); // by which Orleans bounds placement
            options.SupportedNamespacePrefixes.Add("Npgsql");
        });
    }
}
