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
    public static void CheckFree(SiloOptions options)
    {
        if (FindTaken(options) is { } message) throw new StartupException(message);
    }

    /// <summary>The first port that cannot be listened on, as a message; null when all can.</summary>
    public static string? FindTaken(SiloOptions options) =>
        Try(nameof(options.GatewayPort), options.GatewayPort) ?? Try(nameof(options.SiloPort), options.SiloPort);

    private static string? Try(string name, int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return null;
        }
        catch (SocketException e)
        {
            var reason = e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? "is in use by another process"
                : "cannot be listened on: " + e.Message;
            return string.Create(
                CultureInfo.InvariantCulture,
                $"port {port} of {IPAddress.Loopback} {reason}. Stop that process, or set {OrleansLogOptions.SectionName}:{name} "
                + $"to a free port (--{OrleansLogOptions.SectionName}:{name}=<port>).");
        }
    }
}
