using System.Globalization;

namespace OrleansLog.Tests.Processes;

/// <summary>Where a silo is to be; the same again after it was killed.</summary>
public sealed record SiloSetup(string DataDirectory, int GatewayPort, int SiloPort)
{
    /// <summary>Further settings, such as <c>Logging:LogLevel:Default</c>.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>See <see cref="ChildProcess.Start"/>.</summary>
    public string? ShellPrefix { get; init; }

    public string Endpoint => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{GatewayPort}");

    public IEnumerable<string> Arguments =>
    [
        $"--OrleansLog:DataDirectory={DataDirectory}",
        string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:GatewayPort={GatewayPort}"),
        string.Create(CultureInfo.InvariantCulture, $"--OrleansLog:SiloPort={SiloPort}"),
        .. Settings.Select(static setting => $"--{setting.Key}={setting.Value}"),
    ];

    /// <summary>A silo on free ports.</summary>
    public static SiloSetup In(string dataDirectory) => new(dataDirectory, FreePorts.Next(), FreePorts.Next());
}
