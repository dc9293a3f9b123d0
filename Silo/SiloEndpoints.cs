using System.Net;
using System.Net.Sockets;
using Orleans.Configuration;
using OrleansLog.Grains;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Options;

namespace OrleansLog.Silo;

/// <summary>Where the silo listens, and where others are told that it does.</summary>
/// <param name="Listen">The address listened on.</param>
/// <param name="Advertised">The address that clients and other silos reach it at.</param>
/// <param name="GatewayPort">The port for clients.</param>
/// <param name="SiloPort">The port for other silos.</param>
/// <param name="Kafka">Where Kafka clients are served; null when they are not.</param>
internal sealed record SiloEndpoints(IPAddress Listen, IPAddress Advertised, int GatewayPort, int SiloPort, KafkaEndpoint? Kafka)
{
    private const string Section = OrleansLogOptions.SectionName;

    /// <summary>Where clients reach it.</summary>
    public IPEndPoint Gateway => new(Advertised, GatewayPort);

    /// <summary>Finds the addresses that the settings name.</summary>
    /// <exception cref="StartupException">A name has no address, or an address is none.</exception>
    public static SiloEndpoints Resolve(SiloOptions ports, KafkaOptions kafka, string advertisedHost)
    {
        var advertised = ResolveHost(advertisedHost);
        var listen = ParseListen($"{Section}:{nameof(SiloOptions.ListenAddress)}", ports.ListenAddress)
            ?? (IPAddress.IsLoopback(advertised) ? advertised : AnyOf(advertised.AddressFamily));
        return new SiloEndpoints(
            listen, advertised, ports.GatewayPort, ports.SiloPort, kafka.Enabled ? ResolveKafka(kafka, listen, advertisedHost) : null);
    }

    /// <summary>
    /// Kafka clients are told the name as it is written, and look it up themselves; but not localhost, where some would try IPv6
    /// first.
    /// </summary>
    private static KafkaEndpoint ResolveKafka(KafkaOptions kafka, IPAddress listen, string advertisedHost) => new(
        new IPEndPoint(
            ParseListen($"{KafkaOptions.SectionName}:{nameof(KafkaOptions.ListenAddress)}", kafka.ListenAddress) ?? listen, kafka.Port),
        kafka.AdvertisedHost
            ?? (advertisedHost.Equals("localhost", StringComparison.OrdinalIgnoreCase) ? IPAddress.Loopback.ToString() : advertisedHost),
        kafka.AdvertisedPort ?? kafka.Port);

    private static IPAddress? ParseListen(string setting, string? text) => text switch
    {
        null => null,
        _ when IPAddress.TryParse(text, out var address) => address,
        _ => throw new StartupException(
            $"{setting} is '{text}'; set it to an address of this machine, such as 127.0.0.1, or to 0.0.0.0 for all of them."),
    };

    /// <summary>Tells Orleans.</summary>
    public void Apply(EndpointOptions endpoints)
    {
        endpoints.AdvertisedIPAddress = Advertised;
        endpoints.GatewayPort = GatewayPort;
        endpoints.SiloPort = SiloPort;
        endpoints.GatewayListeningEndpoint = new IPEndPoint(Listen, GatewayPort);
        endpoints.SiloListeningEndpoint = new IPEndPoint(Listen, SiloPort);
    }

    private static IPAddress AnyOf(AddressFamily family) =>
        family == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;

    private static IPAddress ResolveHost(string host)
    {
        // Wherever it stands for, it is this machine, and not every machine has IPv6.
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase)) return IPAddress.Loopback;
        var reason = "it has no address";
        try
        {
            var addresses = Dns.GetHostAddresses(host);
            var found = addresses.FirstOrDefault(static address => address.AddressFamily == AddressFamily.InterNetwork)
                ?? addresses.FirstOrDefault();
            if (found is not null && !found.Equals(IPAddress.Any) && !found.Equals(IPAddress.IPv6Any)) return found;
            if (found is not null) reason = "nobody can be reached there";
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            reason = e.Message;
        }

        throw new StartupException(
            $"{Section}:{nameof(OrleansLogOptions.AdvertisedHost)} is '{host}', which cannot be advertised: {reason}. Set it to a "
            + "name or address at which clients and other silos reach this machine.");
    }
}
