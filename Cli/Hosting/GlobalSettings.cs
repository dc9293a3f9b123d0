using OrleansLog.Cli.Parsing;

namespace OrleansLog.Cli.Hosting;

/// <summary>The values of the options that every command takes.</summary>
/// <param name="Bootstrap">Gateways, one or more.</param>
/// <param name="ClusterId">Orleans' cluster id.</param>
/// <param name="ServiceId">Orleans' service id.</param>
/// <param name="Timeout">How long a request may take; null when not given.</param>
/// <param name="Json">Whether to write JSON.</param>
/// <param name="Verbose">Whether to show stack traces and logs.</param>
internal sealed record GlobalSettings(
    IReadOnlyList<Endpoint> Bootstrap, string ClusterId, string ServiceId, TimeSpan? Timeout, bool Json, bool Verbose)
{
    /// <summary>How long a request may take.</summary>
    public TimeSpan RequestTimeout => Timeout ?? GlobalOptions.DefaultTimeout;

    /// <summary>The gateways in one line.</summary>
    public string BootstrapText => string.Join(',', Bootstrap);
}
