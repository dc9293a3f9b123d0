using Microsoft.Extensions.Options;

namespace OrleansLog.Kafka.Options;

/// <summary>Checks the options when the silo starts: every fault at once, each with the setting, its value and the bounds.</summary>
internal sealed class KafkaOptionsValidator : IValidateOptions<KafkaOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, KafkaOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var faults = new List<string>();
        Check(nameof(options.Port), options.Port, 1, 65535);
        if (options.AdvertisedPort is { } advertised) Check(nameof(options.AdvertisedPort), advertised, 1, 65535);
        if (options.AdvertisedHost is { } host && string.IsNullOrWhiteSpace(host))
            faults.Add($"{Setting(nameof(options.AdvertisedHost))} is empty; leave it out or give the name Kafka clients reach this node by.");
        Check(nameof(options.MaxConnections), options.MaxConnections, 1, 1_000_000);
        Check(nameof(options.ConnectionsMaxIdle), options.ConnectionsMaxIdle, TimeSpan.FromSeconds(1), TimeSpan.FromDays(24));
        Check(nameof(options.SocketRequestMaxBytes), options.SocketRequestMaxBytes, 1024, 1024 * 1024 * 1024);
        Check(nameof(options.ConnectionThreads), options.ConnectionThreads, 0, 10_000);
        Check(nameof(options.MaxInFlightRequests), options.MaxInFlightRequests, 1, 10_000);
        Check(nameof(options.MaxConnectionBytes), options.MaxConnectionBytes, 64 * 1024, 1024 * 1024 * 1024);
        Check(nameof(options.MaxBufferedBytes), options.MaxBufferedBytes, 1024 * 1024, 1L << 40);
        Check(nameof(options.SlowClientTimeout), options.SlowClientTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1));
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Check<T>(string setting, T value, T least, T greatest)
            where T : IComparable<T>
        {
            if (value.CompareTo(least) >= 0 && value.CompareTo(greatest) <= 0) return;
            faults.Add(FormattableString.Invariant($"{Setting(setting)} is {value}; set it to a value from {least} to {greatest}."));
        }
    }

    private static string Setting(string name) => $"{KafkaOptions.SectionName}:{name}";
}
