using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansLog.Grains;
using OrleansLog.Kafka.Options;

namespace OrleansLog.Silo;

/// <summary>Finds ports that another process has.</summary>
internal static class Ports
{
    private const string Section = OrleansLogOptions.SectionName;

    /// <summary>Refuses a port that cannot be listened on, before anything else is begun.</summary>
    /// <exception cref="StartupException">The port and its setting.</exception>
    public static void CheckFree(SiloEndpoints endpoints)
    {
        if (FindTaken(endpoints) is { } message) throw new StartupException(message);
    }

    /// <summary>The first port that cannot be listened on, as a message; null when all can.</summary>
    public static string? FindTaken(SiloEndpoints endpoints) =>
        Try(endpoints.Listen, Section, nameof(SiloOptions.GatewayPort), endpoints.GatewayPort)
        ?? Try(endpoints.Listen, Section, nameof(SiloOptions.SiloPort), endpoints.SiloPort)
        ?? (endpoints.Kafka is { Listen: var kafka }
            ? Try(kafka.Address, KafkaOptions.SectionName, nameof(KafkaOptions.Port), kafka.Port)
            : null);

    private static string? Try(IPAddress address, string section, string name, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return null;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            return $"{address} is no address of this machine; set {section}:{nameof(SiloOptions.ListenAddress)} "
                + "to one, or to 0.0.0.0 for all of them.";
        }
        catch (SocketException e)
        {
            var reason = e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? "is in use by another process"
                : "cannot be listened on: " + e.Message;
            return string.Create(
                CultureInfo.InvariantCulture,
                $"port {port} of {address} {reason}. Stop that process, or set {section}:{name} "
                + $"to a free port (--{section}:{name}=<port>).");
        }
    }
}
