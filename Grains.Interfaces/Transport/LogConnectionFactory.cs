using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>Opens the connections of <see cref="LogTransport"/>.</summary>
internal sealed class LogConnectionFactory : IConnectionFactory
{
    public async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);
            return new LogConnection(socket);
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new Orleans.Networking.Shared.SocketConnectionException(
                $"Unable to connect to {endpoint}: {exception.SocketErrorCode}.", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
