using System.Globalization;

namespace OrleansLog.Tests.Processes;

/// <summary>Where a silo is to be; the same again after it was killed.</summary>
public sealed record SiloSetup(string DataDirectory, int GatewayPort, int SiloPort)
{
    /// <summary>Further settings, such as <c>Logging:LogLevel:Default</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>See <see cref="ChildProcess.Start"/>.</summary>
    public string? ShellPrefix { get; init; }

    /// <summary>See <see cref="ChildProcess.Start"/>.</summary>
    public IReadOnlyList<string> Launcher { get; init; } = [];

    /// <summary>Further variables of its environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>The address it is reached at; a setting must name it where it is not the loopback address.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port for Kafka clients; null when they are not served.</summary>
    public int? KafkaPort { get; init; }

    public string KafkaEndpoint => string.Create(CultureInfo.InvariantCulture, $"{Host}:{KafkaPort}");

    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"{Host}:{GatewayPort}");

    public IEnumerable<string> Arguments =>
    [
        $"--OrleansLog:DataDirectory={DataDirectory}",
        string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:GatewayPort={GatewayPort}"),
        string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:SiloPort={SiloPort}"),
        KafkaPort is { } kafka
            ? string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:Kafka:Port={kafka}")
            : "--OrleansLog:Kafka:Enabled=false",
        .. Settings.Select(static setting => $"--{setting.Key}={setting.Value}"),
    ];

    /// <summary>A silo on free ports.</summary>
    public static SiloSetup In(string dataDirectory) => new(dataDirectory, FreePorts.Next(), FreePorts.Next()) { KafkaPort = FreePorts.Next() };
}
