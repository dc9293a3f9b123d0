using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using OrleansLog.Grains.Interfaces.Transport;
using Xunit;

namespace OrleansLog.Tests.Direct;

/// <summary>The connections that Orleans' messages go by.</summary>
public sealed class LogConnectionTests
{
    /// <summary>
    /// As after a cut of the network, from which TCP's own repetitions would come back only after as long again. (Here it is the
    /// other side that takes nothing; to the kernel both are data that is not accepted.)
    /// </summary>
    [Fact]
    public async Task A_connection_that_takes_no_data_for_some_seconds_ends()
    {
        // There is no such setting elsewhere.
        if (!OperatingSystem.IsLinux()) return;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(listener.LocalEndpoint);
        using var other = await listener.AcceptSocketAsync();
        await using var connection = new LogConnection(socket);
        var block = new byte[1 << 20];
        var began = Stopwatch.GetTimestamp();
        var end = await Record.ExceptionAsync(async () =>
        {
            while (true) await connection.Output.WriteAsync(block).AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        });
        Assert.Equal(SocketError.TimedOut, Assert.IsType<SocketException>(Assert.IsType<IOException>(end).InnerException).SocketErrorCode);
        Assert.InRange(Stopwatch.GetElapsedTime(began).TotalMilliseconds, LogConnection.UserTimeoutMs, 10 * LogConnection.UserTimeoutMs);
    }
}
