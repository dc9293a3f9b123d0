using System.Buffers.Binary;
using System.Net.Sockets;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// A connection that carries frames: four bytes of length, the least first, and as many bytes. It is made for short answers: a frame
/// is sent on the thread that has it, and received on a thread that does nothing else, which the kernel wakes itself. What the kernel
/// does not take at once waits for a thread of its own, so that no sender ever blocks.
/// Thread-safe.
/// </summary>
internal sealed class FrameSocket
{
    private const int LengthBytes = 4;
    private const int ReceiveBufferBytes = 256 * 1024;
    private const int KeptBytes = 4 * 1024 * 1024;
    private const int FirstPartBytes = 2 * 1024 * 1024;
    private const int JoinedBytes = 64 * 1024;
    private const int WritableMicroseconds = 200_000;

    // A host that vanished is noticed after a minute and a half, though nothing is sent to it.
    private const int KeepAliveAfterSeconds = 60, KeepAliveEverySeconds = 10, KeepAliveTries = 3;

    private readonly Socket _socket;
    private readonly long _maxBacklogBytes;
    private readonly string _name;

    // Also what the sender's thread waits on.
    private readonly object _sending = new();
    private readonly Queue<ReadOnlyMemory<byte>> _backlog = new();
    private readonly byte[] _joined = new byte[JoinedBytes];
    private IFrameHandler? _handler;
    private Thread? _sender;
    private Exception? _reason;
    private byte[] _large = [];
    private int _sentOfFirst;
    private long _backlogBytes;
    private long _receivedAt = Environment.TickCount64;
    private bool _isClosed;

    /// <summary>Takes over a connected socket.</summary>
    /// <param name="socket">The socket; nothing asynchronous was ever begun on it.</param>
    /// <param name="maxFrameBytes">A longer frame that comes in ends the connection.</param>
    /// <param name="maxBacklogBytes">So much may wait to be sent; more ends the connection.</param>
    /// <param name="name">Names its threads.</param>
    public FrameSocket(Socket socket, int maxFrameBytes, long maxBacklogBytes, string name)
    {
        _socket = socket;
        MaxFrameBytes = maxFrameBytes;
        _maxBacklogBytes = maxBacklogBytes;
        _name = name;
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveAfterSeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveEverySeconds);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, KeepAliveTries);
        socket.Blocking = false;
    }

    /// <summary>A longer frame that comes in ends the connection. Changed before <see cref="Start"/> or within a handler's call.</summary>
    public int MaxFrameBytes { get; set; }

    /// <summary>Whether it has ended, or is about to.</summary>
    public bool IsClosed => Volatile.Read(ref _isClosed);

    /// <summary><see cref="Environment.TickCount64"/> when something was last received.</summary>
    public long ReceivedAt => Volatile.Read(ref _receivedAt);

    /// <summary>Begins to receive.</summary>
    public void Start(IFrameHandler handler)
    {
        _handler = handler;
        new Thread(Receive) { IsBackground = true, Name = _name }.Start();
    }

    /// <summary>
    /// Sends a frame made of both parts; false when the connection is closed. <paramref name="head"/> may be used again at once,
    /// <paramref name="body"/> must not change until the other side has answered or the connection has ended.
    /// </summary>
    public bool Send(ReadOnlySpan<byte> head, ReadOnlyMemory<byte> body = default)
    {
        lock (_sending)
        {
            if (_isClosed) return false;
            var begin = LengthBytes + head.Length;
            BinaryPrimitives.WriteInt32LittleEndian(_joined, head.Length + body.Length);
            head.CopyTo(_joined.AsSpan(LengthBytes));
            var isJoined = begin + body.Length <= _joined.Length;
            if (isJoined) body.Span.CopyTo(_joined.AsSpan(begin));
            var first = _joined.AsMemory(0, isJoined ? begin + body.Length : begin);
            if (SendOrKeep(first, mustCopy: true) && !isJoined) SendOrKeep(body, mustCopy: false);
            return !_isClosed;
        }
    }

    /// <summary>Ends the connection; <see cref="IFrameHandler.OnClosed"/> follows, on the receiving thread.</summary>
    public void Close(Exception reason)
    {
        lock (_sending)
        {
            if (_isClosed) return;
            _reason = reason;
            Volatile.Write(ref _isClosed, true);
            _backlog.Clear();
            Monitor.PulseAll(_sending);
        }

        try
        {
            // This wakes the thread that receives, which disposes of the socket.
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The other side was gone already.
        }
    }

    // Under the lock; false when the connection was closed.
    private bool SendOrKeep(ReadOnlyMemory<byte> bytes, bool mustCopy)
    {
        var sent = 0;
        if (_backlog.Count == 0 && !TrySend(bytes.Span, out sent)) return false;
        if (sent == bytes.Length) return true;
        var rest = bytes[sent..];
        if (_backlogBytes + rest.Length > _maxBacklogBytes)
        {
            Close(new IOException($"{_backlogBytes} bytes wait to be sent by {_name}, and {_maxBacklogBytes} may."));
            return false;
        }

        _backlog.Enqueue(mustCopy ? rest.ToArray() : rest);
        _backlogBytes += rest.Length;
        if (_sender is null) (_sender = new Thread(SendBacklog) { IsBackground = true, Name = _name + " sender" }).Start();
        else Monitor.Pulse(_sending);
        return true;
    }

    private bool TrySend(ReadOnlySpan<byte> bytes, out int sent)
    {
        sent = _socket.Send(bytes, SocketFlags.None, out var error);
        if (error is SocketError.Success or SocketError.WouldBlock) return true;
        Close(new SocketException((int)error));
        return false;
    }

    private void SendBacklog()
    {
        while (true)
        {
            lock (_sending)
            {
                while (_backlog.Count == 0 && !_isClosed) Monitor.Wait(_sending);
                if (_isClosed) return;
                if (!TrySendBacklog()) return;
                if (_backlog.Count == 0) continue;
            }

            try
            {
                _socket.Poll(WritableMicroseconds, SelectMode.SelectWrite);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                Close(e);
                return;
            }
        }
    }

    private bool TrySendBacklog()
    {
        while (_backlog.TryPeek(out var next))
        {
            if (!TrySend(next.Span[_sentOfFirst..], out var sent)) return false;
            _backlogBytes -= sent;
            _sentOfFirst += sent;
            if (_sentOfFirst < next.Length) return true;
            _sentOfFirst = 0;
            _backlog.Dequeue();
        }

        return true;
    }

    private void Receive()
    {
        try
        {
            ReceiveFrames();
        }
#pragma warning disable CA1031 // the connection ends with it, and whoever handles it is told
        catch (Exception e)
#pragma warning restore CA1031
        {
            Close(e);
        }

        // A sender that is at it holds the lock; after this none begins.
        lock (_sending) _socket.Dispose();
        _handler!.OnClosed(_reason ?? new IOException($"The other side closed {_name}."));
    }

    private void ReceiveFrames()
    {
        var buffer = new byte[ReceiveBufferBytes];
        var (start, end) = (0, 0);
        while (!IsClosed)
        {
            var received = ReceiveSome(buffer.AsSpan(end));
            if (received == 0)
            {
                Close(new IOException($"The other side closed {_name}."));
                return;
            }

            end += received;
            while (end - start >= LengthBytes)
            {
                var length = LengthAt(buffer.AsSpan(start));
                var next = start + LengthBytes + length;
                if (next > end)
                {
                    if (length + LengthBytes <= buffer.Length) break;
                    ReceiveLarge(buffer.AsSpan(start + LengthBytes, end - start - LengthBytes), length);
                    (start, end) = (0, 0);
                    break;
                }

                start = next;
                _handler!.OnFrame(buffer.AsMemory(next - length, length), start == end && _socket.Available == 0);
            }

            if (start == end)
            {
                (start, end) = (0, 0);
            }
            else if (start > 0)
            {
                buffer.AsSpan(start, end - start).CopyTo(buffer);
                (start, end) = (0, end - start);
            }
        }
    }

    private void ReceiveLarge(ReadOnlySpan<byte> begin, int length)
    {
        // Memory is made as the bytes come: a length alone costs nothing.
        if (_large.Length < Math.Min(length, FirstPartBytes)) _large = GC.AllocateUninitializedArray<byte>(Math.Min(length, FirstPartBytes));
        begin.CopyTo(_large);
        for (var at = begin.Length; at < length;)
        {
            if (at == _large.Length) Array.Resize(ref _large, (int)Math.Min(length, 2L * at));
            var received = ReceiveSome(_large.AsSpan(at, Math.Min(length, _large.Length) - at));
            if (received == 0) throw new IOException($"The other side closed {_name} within a frame.");
            at += received;
        }

        _handler!.OnFrame(_large.AsMemory(0, length), _socket.Available == 0);
        if (_large.Length > KeptBytes) _large = [];
    }

    private int LengthAt(ReadOnlySpan<byte> bytes)
    {
        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        return length >= 0 && length <= MaxFrameBytes
            ? length
            : throw new InvalidDataException($"A frame of {length} bytes came by {_name}; the bound is {MaxFrameBytes}.");
    }

    private int ReceiveSome(Span<byte> room)
    {
        while (true)
        {
            // The kernel wakes this very thread.
            _socket.Poll(-1, SelectMode.SelectRead);
            var received = _socket.Receive(room, SocketFlags.None, out var error);
            if (error == SocketError.Success)
            {
                Volatile.Write(ref _receivedAt, Environment.TickCount64);
                return received;
            }

            if (error != SocketError.WouldBlock) throw new SocketException((int)error);
        }
    }
}
