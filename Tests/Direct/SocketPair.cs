using System.Net;
using System.Net.Sockets;

namespace OrleansLog.Tests.Direct;

/// <summary>Two connected sockets on which nothing asynchronous was begun.</summary>
internal static class SocketPair
{
    public static (Socket A, Socket B) Connect()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        var a = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        a.Connect(listener.LocalEndPoint!);
        return (a, listener.Accept());
    }
}
