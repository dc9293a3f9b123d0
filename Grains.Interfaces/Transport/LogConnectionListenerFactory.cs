using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using OrleansLog.Grains.Interfaces.Transport.Direct;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>
/// Listens for the connections of <see cref="LogTransport"/>, and hands those that are not Orleans' to whoever takes them in this
/// process, if anybody does.
/// </summary>
internal sealed class LogConnectionListenerFactory(IDirectConnections? direct = null) : IConnectionListenerFactory
{
    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            if (endpoint is IPEndPoint { Address: var address } && address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
            socket.Bind(endpoint);
            socket.Listen(512);
            direct?.NoteListening();
            return ValueTask.FromResult<IConnectionListener>(direct is null ? new Listener(socket) : new SortingListener(new Listener(socket), direct));
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket.Dispose();
            throw new AddressInUseException($"{endpoint} is in use by another process.", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private sealed class Listener(Socket socket) : IConnectionListener
    {
        public EndPoint EndPoint { get; } = socket.LocalEndPoint!;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) =>
            await AcceptSocketAsync(cancellationToken).ConfigureAwait(false) is { } accepted ? new LogConnection(accepted) : null;

        /// <summary>The next connection; null when it listens no more.</summary>
        public async Task<Socket?> AcceptSocketAsync(CancellationToken cancellationToken)
        {
            while (true)
            {
                try
                {
                    return await socket.AcceptAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (ObjectDisposedException)
                {
                    return null;
                }
                catch (SocketException exception) when (exception.SocketErrorCode == SocketError.OperationAborted)
                {
                    return null;
                }
                catch (SocketException)
                {
                    // That connection was reset while it waited to be accepted; take the next.
                }
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            socket.Dispose();
            return default;
        }

        public ValueTask DisposeAsync()
        {
            socket.Dispose();
            return default;
        }
    }

    /// <summary>Passes on only what is for Orleans.</summary>
    private sealed class SortingListener : IConnectionListener
    {
        private const int MaxAccepted = 512;

        private readonly Listener _listener;
        private readonly Channel<Socket> _forOrleans = Channel.CreateBounded<Socket>(MaxAccepted);
        private readonly ConnectionSorter _sorter;
        private readonly Task _accepting;

        public SortingListener(Listener listener, IDirectConnections direct)
        {
            _listener = listener;
            _sorter = new ConnectionSorter(direct, ToOrleans);
            _accepting = Task.Run(SortAsync);
        }

        public EndPoint EndPoint => _listener.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (await _forOrleans.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
                if (_forOrleans.Reader.TryRead(out var socket)) return new LogConnection(socket);
            return null;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _listener.UnbindAsync(cancellationToken).ConfigureAwait(false);
            await _accepting.ConfigureAwait(false);
        }

        public async ValueTask DisposeAsync()
        {
            await UnbindAsync().ConfigureAwait(false);
            while (_forOrleans.Reader.TryRead(out var left)) left.Dispose();
        }

        private async Task SortAsync()
        {
            while (await _listener.AcceptSocketAsync(CancellationToken.None).ConfigureAwait(false) is { } socket)
            {
                try
                {
                    _sorter.Sort(socket);
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    // It is gone already; the next one need not be.
                    socket.Dispose();
                }
            }

            _forOrleans.Writer.TryComplete();
        }

        // More than Orleans takes in are closed: they are retried, and the kernel's own queue does the same.
        private void ToOrleans(Socket socket)
        {
            if (!_forOrleans.Writer.TryWrite(socket)) socket.Dispose();
        }
    }
}
