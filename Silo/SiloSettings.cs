using System.Globalization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using OrleansLog.Engine.Groups;
using OrleansLog.Grains;
using OrleansLog.Grains.Options;
using OrleansLog.Kafka.Options;

namespace OrleansLog.Silo;

/// <summary>
/// Gathers the settings: appsettings.json beside the program, then in the working directory, then the environment
/// (<c>OrleansLog__DataDirectory</c>), then the command line (<c>--OrleansLog:DataDirectory=/data</c>); the later wins. A
/// setting that does not exist is refused, because a misspelt one would otherwise be silently ignored.
/// </summary>
internal static class SiloSettings
{
    private const string Section = OrleansLogOptions.SectionName;

    /// <summary>Sections that others read: the logging of .NET and Orleans' own settings.</summary>
    private static readonly string[] ForeignSections = ["Logging", "Orleans"];

    /// <summary>Reads and checks all settings.</summary>
    /// <exception cref="StartupException">A file cannot be read, or a setting is unknown or of the wrong type.</exception>
    public static IConfigurationRoot Load(string[] args)
    {
        CheckArguments(args);
        IConfigurationRoot settings;
        try
        {
            settings = new ConfigurationBuilder()
                .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: true)
                .AddJsonFile(Path.Combine(Directory.GetCurrentDirectory(), "appsettings.json"), optional: true)
                .AddEnvironmentVariables()
                .AddCommandLine(args)
                .Build();
        }
        catch (Exception e) when (e is InvalidDataException or FormatException or IOException)
        {
            throw new StartupException($"The settings cannot be read: {e.Message} {e.InnerException?.Message}".TrimEnd(), e);
        }

        SettingNames.Check(
            settings.GetSection(Section),
            [typeof(OrleansLogOptions), typeof(SiloOptions)],
            [KeyValuePair.Create("Groups", typeof(GroupOptions)), KeyValuePair.Create("Kafka", typeof(KafkaOptions))]);
        return settings;
    }

    /// <summary>Checks the values of all settings before anything is begun.</summary>
    /// <exception cref="StartupException">A port is no port, two are the same, or a host has no address.</exception>
    /// <exception cref="OptionsValidationException">A setting of the log is out of its bounds.</exception>
    /// <exception cref="InvalidOperationException">A value is of the wrong type.</exception>
    public static (OrleansLogOptions Log, SiloEndpoints Endpoints) Check(IConfiguration settings)
    {
        var log = new OrleansLogOptions();
        settings.GetSection(Section).Bind(log);
        if (new OrleansLogOptionsValidator().Validate(null, log) is { Failed: true } result)
            throw new OptionsValidationException(Section, typeof(OrleansLogOptions), result.Failures);

        var options = new SiloOptions();
        settings.GetSection(Section).Bind(options);
        CheckPort(nameof(options.GatewayPort), options.GatewayPort);
        CheckPort(nameof(options.SiloPort), options.SiloPort);
        var kafka = new KafkaOptions();
        settings.GetSection(KafkaOptions.SectionName).Bind(kafka);
        if (new KafkaOptionsValidator().Validate(null, kafka) is { Failed: true } wrong)
            throw new OptionsValidationException(KafkaOptions.SectionName, typeof(KafkaOptions), wrong.Failures);
        CheckDifferent(
        [
            ($"{Section}:{nameof(options.GatewayPort)}", options.GatewayPort),
            ($"{Section}:{nameof(options.SiloPort)}", options.SiloPort),
            .. kafka.Enabled ? [($"{KafkaOptions.SectionName}:{nameof(kafka.Port)}", kafka.Port)] : Array.Empty<(string, int)>(),
        ]);
        return (log, SiloEndpoints.Resolve(options, kafka, log.AdvertisedHost));
    }

    private static void CheckDifferent(IReadOnlyList<(string Setting, int Port)> ports)
    {
        for (var i = 0; i < ports.Count; i++)
        {
            for (var j = i + 1; j < ports.Count; j++)
            {
                if (ports[i].Port != ports[j].Port) continue;
                throw new StartupException(
                    $"{ports[i].Setting} and {ports[j].Setting} are both {ports[i].Port}; give them different ports.");
            }
        }
    }

    private static void CheckPort(string name, int port)
    {
        if (port is >= 1 and <= 65535) return;
        throw new StartupException(
            string.Create(CultureInfo.InvariantCulture, $"{Section}:{name} is {port}; set it to a port from 1 to 65535."));
    }

    /// <summary>The command line holds settings only, each as <c>--Section:Name=value</c> or <c>--Section:Name value</c>.</summary>
    private static void CheckArguments(string[] args)
    {
        for (var i = 0; i < args.Length; i++)
        {
            var text = args[i];
            var name = text.StartsWith("--", StringComparison.Ordinal) ? text[2..].Split('=')[0] : string.Empty;
            if (name.StartsWith(Section + ":", StringComparison.OrdinalIgnoreCase)
                || ForeignSections.Any(section => name.StartsWith(section + ":", StringComparison.OrdinalIgnoreCase)))
            {
                if (text.Contains('=', StringComparison.Ordinal)) continue;
                if (++i < args.Length && !args[i].StartsWith("--", StringComparison.Ordinal)) continue;
                throw new StartupException($"The argument '{text}' has no value; write {text}=<value>.");
            }

            throw new StartupException(
                $"Unknown argument '{text}'. Settings are given as --{Section}:<name>=<value>, such as "
                + $"--{Section}:DataDirectory=./data or --{Section}:GatewayPort=30001; docs/configuration.md lists them.");
        }
    }
}
