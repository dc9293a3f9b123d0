using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace OrleansLog.Client;

/// <summary>Settings of an <see cref="OrleansLogClient"/>.</summary>
public sealed class OrleansLogClientOptions
{
    /// <summary>
    /// Orleans gateways to connect to, <c>host:port</c> separated by commas or semicolons; any of them will do. Only
    /// <see cref="OrleansLogClient.ConnectAsync"/> uses it. Default: <c>127.0.0.1:30000</c>.
    /// </summary>
    public string Endpoints { get; set; } = "127.0.0.1:30000";

    /// <summary>Orleans' cluster id of the silos, for <see cref="OrleansLogClient.ConnectAsync"/>. Default: <c>default</c>, which is
    /// Orleans' own.</summary>
    public string ClusterId { get; set; } = ClusterOptions.DefaultClusterId;

    /// <summary>Orleans' service id of the silos, for <see cref="OrleansLogClient.ConnectAsync"/>. Default: <c>default</c>, which is
    /// Orleans' own.</summary>
    public string ServiceId { get; set; } = ClusterOptions.DefaultServiceId;

    /// <summary>How long <see cref="OrleansLogClient.ConnectAsync"/> tries, until it says that nobody answers. Default: 10 s.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one call of the admin client may take, all its attempts included, from 1 ms. Default: 30 s.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A name for people, shown in the descriptions of groups, up to 256 characters. Default: <c>orleanslog</c>.</summary>
    public string ClientId { get; set; } = "orleanslog";

    /// <summary>
    /// Whether producers of <see cref="OrleansLogClient.ConnectAsync"/> send records by connections of their own to the gateways' ports,
    /// straight to the node that leads, where that is possible; otherwise by messages of Orleans, which takes longer. To be turned off where
    /// Orleans' connections are encrypted by middleware: these are not. Default: true.
    /// </summary>
    public bool DirectConnections { get; set; } = true;

    /// <summary>
    /// Sets up the log of a client made by <see cref="OrleansLogClient.ConnectAsync"/>; null, the default, for none.
    /// </summary>
    public Action<ILoggingBuilder>? Logging { get; set; }

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(Endpoints);
        ArgumentException.ThrowIfNullOrWhiteSpace(ClusterId);
        ArgumentException.ThrowIfNullOrWhiteSpace(ServiceId);
        ArgumentNullException.ThrowIfNull(ClientId);
        OptionCheck.AtMost(ClientId.Length, 256, nameof(ClientId));
        OptionCheck.Positive(ConnectTimeout, nameof(ConnectTimeout));
        OptionCheck.Positive(RequestTimeout, nameof(RequestTimeout));
    }
}
