using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using OrleansLog.Kafka.Options;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Server;

/// <summary>
/// Takes requests from a socket, one after the other. Small ones are received together; the bytes of a large one go from the
/// kernel straight to where the log takes them from. Memory for a large request is made as its bytes arrive, so that a size alone
/// costs nothing. One read at a time.
/// </summary>
internal sealed class FrameReader(Socket socket, KafkaOptions options, ByteBudget budget, TimeProvider time)
{
    private const int Forever = -1;

    private const int ReceiveBufferBytes = 16 * 1024;
    private const int FirstPartBytes = 2 * 1024 * 1024;
    private const int SmallestRequestBytes = 8;
    private readonly byte[] _buffer = new byte[ReceiveBufferBytes];
    private int _start;
    private int _end;
    private long _lastBytesAt = time.GetTimestamp();
    private long _receivingSince;

    // The last receive took all that there was room for.
    private bool _hasMore;

    /// <summary>How long ago the last bytes came.</summary>
    public TimeSpan Quiet => time.GetElapsedTime(Volatile.Read(ref _lastBytesAt));

    /// <summary>How long the client has been sending the request that room is held for; zero when there is none.</summary>
    public TimeSpan Slowness => Volatile.Read(ref _receivingSince) is var since and not 0 ? time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Whether reads wait on the caller's thread, which is the connection's own, and have ended when they return.</summary>
    public bool IsBlocking { get; init; }

    /// <summary>The next request; null when the client has closed the connection between two.</summary>
    /// <exception cref="ProtocolException">It is not one, too large, or broken off.</exception>
    /// <exception cref="SocketException">The connection broke.</exception>
    public async ValueTask<Frame?> ReadAsync(CancellationToken cancellationToken)
    {
        while (_end - _start < sizeof(int))
        {
            if (await FillAsync(cancellationToken).ConfigureAwait(false)) continue;
            if (_end == _start) return null;
            throw new ProtocolException("the client closed it within the size of a request");
        }

        var size = BinaryPrimitives.ReadInt32BigEndian(_buffer.AsSpan(_start));
        _start += sizeof(int);
        if (size < SmallestRequestBytes) throw new ProtocolException($"a request of {size} bytes is none");
        if (size > options.SocketRequestMaxBytes)
        {
            throw new ProtocolException(
                $"a request of {size} bytes is larger than {KafkaOptions.SectionName}:{nameof(options.SocketRequestMaxBytes)} = "
                + $"{options.SocketRequestMaxBytes}");
        }

        var entering = budget.EnterAsync(size, cancellationToken);
        if (IsBlocking && !entering.IsCompleted) entering.AsTask().GetAwaiter().GetResult();
        else await entering.ConfigureAwait(false);
        Volatile.Write(ref _receivingSince, Math.Max(1, time.GetTimestamp()));
        try
        {
            return new Frame(await ReceiveAsync(size, cancellationToken).ConfigureAwait(false), size, budget);
        }
        catch
        {
            budget.Leave(size);
            throw;
        }
        finally
        {
            Volatile.Write(ref _receivingSince, 0);
        }
    }

    private ValueTask<int> ReceiveSomeAsync(Memory<byte> room, CancellationToken cancellationToken) => IsBlocking
        ? new ValueTask<int>(ReceiveSome(room.Span, cancellationToken))
        : socket.ReceiveAsync(room, SocketFlags.None, cancellationToken);

    private int ReceiveSome(Span<byte> room, CancellationToken cancellationToken)
    {
        while (true)
        {
            // The kernel wakes this very thread. (.NET's own wait would be woken by way of two others.)
            if (!_hasMore) socket.Poll(Forever, SelectMode.SelectRead);
            cancellationToken.ThrowIfCancellationRequested();
            var received = socket.Receive(room, SocketFlags.None, out var error);
            _hasMore = error == SocketError.Success && received == room.Length;
            if (error == SocketError.Success) return received;
            if (error != SocketError.WouldBlock) throw new SocketException((int)error);
        }
    }

    private async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_start == _end) _start = _end = 0;
        else if (_end == _buffer.Length || _buffer.Length - _start < sizeof(int))
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        var received = await ReceiveSomeAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        _end += received;
        Volatile.Write(ref _lastBytesAt, time.GetTimestamp());
        return received > 0;
    }

    private async ValueTask<byte[]> ReceiveAsync(int size, CancellationToken cancellationToken)
    {
        var array = ArrayPool<byte>.Shared.Rent(Math.Min(size, FirstPartBytes));
        try
        {
            var have = Math.Min(size, _end - _start);
            _buffer.AsSpan(_start, have).CopyTo(array);
            _start += have;
            while (have < size)
            {
                if (have == array.Length) array = Grow(array, size);
                // A small request is received along with what follows it.
                if (size - have < _buffer.Length / 2)
                {
                    if (!await FillAsync(cancellationToken).ConfigureAwait(false)) throw BrokenOff(have, size);
                    var part = Math.Min(Math.Min(size, array.Length) - have, _end - _start);
                    _buffer.AsSpan(_start, part).CopyTo(array.AsSpan(have));
                    _start += part;
                    have += part;
                    continue;
                }

                var room = array.AsMemory(have, Math.Min(size, array.Length) - have);
                var received = await ReceiveSomeAsync(room, cancellationToken).ConfigureAwait(false);
                Volatile.Write(ref _lastBytesAt, time.GetTimestamp());
                if (received == 0) throw BrokenOff(have, size);
                have += received;
            }

            return array;
        }
        catch
        {
            ArrayPool<byte>.Shared.Return(array);
            throw;
        }
    }

    private static byte[] Grow(byte[] array, int size)
    {
        var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(size, 2L * array.Length));
        array.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(array);
        return larger;
    }

    private static ProtocolException BrokenOff(int have, int size) =>
        new($"the client closed it after {have} bytes of a request of {size}");
}
