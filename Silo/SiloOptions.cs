namespace OrleansLog.Silo;

/// <summary>Where the silo listens; bound from the configuration section <c>OrleansLog</c> beside the settings of the log.</summary>
public sealed class SiloOptions
{
    /// <summary>The port for clients (the Orleans gateway), 1 to 65535.</summary>
    public int GatewayPort { get; set; } = 30000;

    /// <summary>The port for other silos, 1 to 65535.</summary>
    public int SiloPort { get; set; } = 11111;

    /// <summary>
    /// The address to listen on; null for the loopback address where <c>AdvertisedHost</c> is of this machine alone, and for all
    /// addresses of the machine otherwise.
    /// </summary>
    public string? ListenAddress { get; set; }
}
