using System.Net;
using System.Net.Sockets;

namespace OrleansLog.Grains.Failover;

/// <summary>Looks whether a process listens on a port.</summary>
internal static class PortProbe
{
    /// <summary>Tries to connect, once.</summary>
    public static async Task<ProbeResult> TryAsync(EndPoint endpoint, TimeSpan patience, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(patience);
        try
        {
            using var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(endpoint, limit.Token);
            return ProbeResult.Listening;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused ? ProbeResult.Refused : ProbeResult.Unknown;
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return ProbeResult.Unknown;
        }
    }
}
