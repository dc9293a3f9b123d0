using System.CommandLine;
using OrleansLog.Cli.Parsing;

namespace OrleansLog.Cli.Hosting;

/// <summary>The options every command takes.</summary>
internal sealed class GlobalOptions
{
    /// <summary>The environment variable that stands in for <c>--bootstrap</c>.</summary>
    public const string BootstrapVariable = "ORLEANSLOG_BOOTSTRAP";

    /// <summary>How long a request may take unless said otherwise.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(30);

    /// <param name="environment">Reads environment variables.</param>
    public GlobalOptions(Func<string, string?> environment)
    {
        Bootstrap = ParsedOption.Create("--bootstrap", Endpoints.Parse);
        Bootstrap.Aliases.Add("-b");
        Bootstrap.HelpName = "host:port,...";
        Bootstrap.Description =
            $"Gateways of the cluster; any of them will do. The environment variable {BootstrapVariable} stands in for it.";
        Bootstrap.DefaultValueFactory = result =>
        {
            try
            {
                return Endpoints.Parse(environment(BootstrapVariable) is { Length: > 0 } text ? text : Endpoints.Default);
            }
            catch (FormatException exception)
            {
                result.AddError($"{BootstrapVariable}: {exception.Message}");
                return [];
            }
        };
        Timeout.HelpName = "duration";
    }

    /// <summary>Where the cluster is.</summary>
    public Option<IReadOnlyList<Endpoint>> Bootstrap { get; }

    /// <summary>Orleans' cluster id.</summary>
    public Option<string> ClusterId { get; } = new("--cluster-id")
    {
        Description = "Orleans' cluster id of the silos.", DefaultValueFactory = static _ => "dev", HelpName = "id",
    };

    /// <summary>Orleans' service id.</summary>
    public Option<string> ServiceId { get; } = new("--service-id")
    {
        Description = "Orleans' service id of the silos.", DefaultValueFactory = static _ => "dev", HelpName = "id",
    };

    /// <summary>Machine output.</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "Write JSON for programs instead of tables for people." };

    /// <summary>How long connecting and one request may take.</summary>
    public Option<TimeSpan?> Timeout { get; } = ParsedOption.Create<TimeSpan?>(
        "--timeout",
        static text => Durations.TryParse(text, out var value) && value >= TimeSpan.FromMilliseconds(1) && value.TotalDays <= 1
            ? value
            : throw new FormatException($"'{text}' is no duration between 1ms and 1d, like 500ms, 10s or 2m."),
        "How long a request may take: 500ms, 10s, 2m. Default: 30s; delivering a record: 2m.");

    /// <summary>Stack traces and the client's log.</summary>
    public Option<bool> Verbose { get; } = new("--verbose") { Description = "Show stack traces, and what the client logs." };

    /// <summary>All of them, in the order of the help.</summary>
    public IEnumerable<Option> All => [Bootstrap, Json, Timeout, Verbose, ClusterId, ServiceId];
}
