using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>
/// A TCP connection whose two pipes work straight on the socket: no thread stands between the reader or writer and the
/// system call, a flush is the back-pressure, and buffers are large (see <see cref="LogTransport"/>).
/// </summary>
internal sealed class LogConnection : DefaultConnectionContext, IDuplexPipe
{
    private const int ReceiveBufferBytes = 256 * 1024;
    private const int MinimumReceiveBytes = 32 * 1024;

    private readonly Socket _socket;
    private readonly CancellationTokenSource _closed = new();
    private int _aborted;

    // Linux' TCP_USER_TIMEOUT, which .NET has no name for. After a cut TCP sends again after ever longer pauses, twice as long as the time
    // before, at most two minutes; a connection that took no data for so long is better made anew. It is longer than a silo needs to
    // notice that another one hangs.
    private const int TcpLevel = 6, UserTimeoutOption = 18;
    public const int UserTimeoutMs = 4_000;

    public LogConnection(Socket socket) : base(Guid.NewGuid().ToString("N"))
    {
        _socket = socket;
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        if (OperatingSystem.IsLinux()) socket.SetRawSocketOption(TcpLevel, UserTimeoutOption, BitConverter.GetBytes(UserTimeoutMs));
        var stream = new NetworkStream(socket, ownsSocket: false);
        Input = PipeReader.Create(stream, new StreamPipeReaderOptions(
            bufferSize: ReceiveBufferBytes, minimumReadSize: MinimumReceiveBytes, leaveOpen: true));
        Output = new RoomyPipeWriter(stream);
        Transport = this;
        ConnectionClosed = _closed.Token;
        LocalEndPoint = socket.LocalEndPoint;
        RemoteEndPoint = socket.RemoteEndPoint;
    }

    public PipeReader Input { get; }

    public PipeWriter Output { get; }

    public override void Abort(ConnectionAbortedException abortReason)
    {
        if (Interlocked.Exchange(ref _aborted, 1) != 0) return;
        try
        {
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (SocketException)
        {
            // The peer was gone already.
        }

        _socket.Dispose();

        // Not inline: whoever aborts may hold what the listeners of the token wait for.
        ThreadPool.UnsafeQueueUserWorkItem(static closed => closed.Cancel(), _closed, preferLocal: false);
    }

    public override async ValueTask DisposeAsync()
    {
        Abort(new ConnectionAbortedException("The connection was disposed of."));
        await base.DisposeAsync().ConfigureAwait(false);
    }
}
