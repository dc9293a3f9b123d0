using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansLog.Grains;

namespace OrleansLog.Silo;

/// <summary>Finds ports that another process has.</summary>
internal static class Ports
{
    /// <summary>Refuses a port that cannot be listened on, before anything else is begun.</summary>
    /// <exception cref="StartupException">The port and its setting.</exception>
    public static void CheckFree(SiloEndpoints endpoints)
    {
        if (FindTaken(endpoints) is { } message) throw new StartupException(message);
    }

    /// <summary>The first port that cannot be listened on, as a message; null when all can.</summary>
    public static string? FindTaken(SiloEndpoints endpoints) =>
        Try(endpoints.Listen, nameof(SiloOptions.GatewayPort), endpoints.GatewayPort)
        ?? Try(endpoints.Listen, nameof(SiloOptions.SiloPort), endpoints.SiloPort);

    private static string? Try(IPAddress address, string name, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return null;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressNotAvailable)
        {
            return $"{address} is no address of this machine; set {OrleansLogOptions.SectionName}:{nameof(SiloOptions.ListenAddress)} "
                + "to one, or to 0.0.0.0 for all of them.";
        }
        catch (SocketException e)
        {
            var reason = e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? "is in use by another process"
                : "cannot be listened on: " + e.Message;
            return string.Create(
                CultureInfo.InvariantCulture,
                $"port {port} of {address} {reason}. Stop that process, or set {OrleansLogOptions.SectionName}:{name} "
                + $"to a free port (--{OrleansLogOptions.SectionName}:{name}=<port>).");
        }
    }
}
