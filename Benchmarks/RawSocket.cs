using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace OrleansLog.Benchmarks;

/// <summary>What a loopback connection carries without us.</summary>
internal static class RawSocket
{
    /// <summary>A port of the loopback address that nobody listens at just now.</summary>
    public static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>Bytes per second that one thread sends and another receives, in blocks of <paramref name="blockBytes"/>.</summary>
    public static double BytesPerSecond(int blockBytes, long totalBytes)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(1);
        using var sender = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        sender.Connect(listener.LocalEndPoint!);
        using var receiver = listener.Accept();
        var watch = Stopwatch.StartNew();
        var sending = new Thread(() =>
        {
            var block = new byte[blockBytes];
            for (long sent = 0; sent < totalBytes; sent += block.Length) sender.Send(block);
            sender.Shutdown(SocketShutdown.Send);
        });
        sending.Start();
        var buffer = new byte[blockBytes];
        long received = 0;
        for (int read; (read = receiver.Receive(buffer)) > 0;) received += read;
        sending.Join();
        return received / watch.Elapsed.TotalSeconds;
    }
}
