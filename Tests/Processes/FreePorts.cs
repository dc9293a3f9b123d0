using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace OrleansLog.Tests.Processes;

/// <summary>
/// Hands out loopback ports that nobody listens on, none of them twice. They lie below the range from which the kernel takes
/// the ports of outgoing connections: a client that calls a port of that range while its server is down may be given that very
/// port for itself, connects to itself, and the server finds its port taken when it comes back.
/// </summary>
public static class FreePorts
{
    private const int First = 12_000;
    private const int Last = 31_999;

    private static readonly ConcurrentDictionary<int, bool> Taken = new();

    public static int Next()
    {
        while (true)
        {
            var port = Random.Shared.Next(First, Last + 1);
            if (IsFree(port) && Taken.TryAdd(port, true)) return port;
        }
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
