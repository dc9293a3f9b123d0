using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Tests.Kafka;

/// <summary>A client that sends whatever it is told to, byte by byte if need be.</summary>
internal sealed class KafkaPeer : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Socket _socket;
    private int _correlationId;

    private KafkaPeer(Socket socket) => _socket = socket;

    public static async Task<KafkaPeer> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return new KafkaPeer(socket);
    }

    /// <summary>Sends a request and returns the body of its response.</summary>
    public async Task<KafkaResponse> AskAsync(ApiKey key, short version, bool isFlexible, Action<KafkaWriter> body)
    {
        var id = await SendAsync(key, version, isFlexible, body);
        return new KafkaResponse(await ReceiveAsync(id), isFlexible, hasTaggedHeader: isFlexible && key != ApiKey.ApiVersions);
    }

    /// <summary>Sends a request and returns its number.</summary>
    public async Task<int> SendAsync(ApiKey key, short version, bool isFlexible, Action<KafkaWriter> body)
    {
        using var writer = new KafkaWriter();
        writer.WriteInt16((short)key);
        writer.WriteInt16(version);
        writer.WriteInt32(++_correlationId);
        writer.WriteString("peer");
        writer.IsFlexible = isFlexible;
        writer.WriteTaggedFields();
        body(writer);
        foreach (var piece in writer.Seal()) await SendAsync(piece);
        return _correlationId;
    }

    /// <summary>Sends a frame that was recorded, and returns the response's bytes behind the correlation id.</summary>
    public async Task<byte[]> ReplayAsync(byte[] frame)
    {
        var size = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(size, frame.Length);
        await SendAsync(size);
        await SendAsync(frame);
        return await ReceiveAsync(BinaryPrimitives.ReadInt32BigEndian(frame.AsSpan(4)));
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[await _socket.SendAsync(bytes)..];
    }

    /// <summary>The next response, which must be to that request, behind the correlation id.</summary>
    public async Task<byte[]> ReceiveAsync(int correlationId)
    {
        var size = await ReceiveExactlyAsync(4) ?? throw new EndOfStreamException("The silo closed the connection.");
        var frame = await ReceiveExactlyAsync(BinaryPrimitives.ReadInt32BigEndian(size))
            ?? throw new EndOfStreamException("The silo closed the connection within a response.");
        var id = BinaryPrimitives.ReadInt32BigEndian(frame);
        if (id != correlationId) throw new InvalidDataException($"The response is to request {id}, not to {correlationId}.");
        return frame[4..];
    }

    /// <summary>Waits until the silo has closed the connection.</summary>
    public async Task WhenClosedAsync()
    {
        try
        {
            while (await ReceiveExactlyAsync(1) is not null)
            {
            }
        }
        catch (SocketException)
        {
            // It was reset, since there was something that the silo had not read.
        }
    }

    public void HalfClose() => _socket.Shutdown(SocketShutdown.Send);

    public void Dispose() => _socket.Dispose();

    private async Task<byte[]?> ReceiveExactlyAsync(int count)
    {
        using var limit = new CancellationTokenSource(Limit);
        var bytes = new byte[count];
        for (var have = 0; have < count;)
        {
            var received = await _socket.ReceiveAsync(bytes.AsMemory(have), limit.Token);
            if (received == 0) return null;
            have += received;
        }

        return bytes;
    }
}
