using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>Opens the connections of <see cref="LogTransport"/>, and tells the watcher, if there is one, how they fare.</summary>
internal sealed class LogConnectionFactory(IConnectionWatcher? watcher = null) : IConnectionFactory
{
    public async ValueTask<ConnectionContext> ConnectAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endpoint, cancellationToken).ConfigureAwait(false);
            var connection = new LogConnection(socket);
            if (watcher is not null)
                connection.ConnectionClosed.UnsafeRegister(_ => watcher.NoteTrouble(endpoint), null);
            return connection;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            watcher?.NoteTrouble(endpoint);
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
