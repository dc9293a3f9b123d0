using System.Net.Sockets;
using System.Runtime.InteropServices;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Server;

/// <summary>Sends responses from the memory that they are in. One at a time.</summary>
internal sealed class ResponseSender(Socket socket, TimeProvider time)
{
    private long _since;

    /// <summary>Whether the client has yet to take a response.</summary>
    public bool IsSending => Volatile.Read(ref _since) != 0;

    /// <summary>How long the client has been taking the response that is being sent; zero when none is.</summary>
    public TimeSpan Slowness => Volatile.Read(ref _since) is var since and not 0 ? time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Sends a response; returns when the kernel has all of it.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    public async ValueTask SendAsync(KafkaWriter response)
    {
        var pieces = response.Seal();
        Volatile.Write(ref _since, Math.Max(1, time.GetTimestamp()));
        try
        {
            if (pieces.Count == 1) await SendAsync(pieces[0]).ConfigureAwait(false);
            else await SendAsync(pieces).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _since, 0);
        }
    }

    private async ValueTask SendAsync(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        var segments = new ArraySegment<byte>[pieces.Count];
        var total = 0;
        for (var i = 0; i < segments.Length; i++)
        {
            if (!MemoryMarshal.TryGetArray(pieces[i], out segments[i])) segments[i] = pieces[i].ToArray();
            total += segments[i].Count;
        }

        var sent = await socket.SendAsync(segments, SocketFlags.None).ConfigureAwait(false);
        // The runtime sends all of it; should it ever not, the rest goes by itself.
        for (var i = 0; sent < total; i++)
        {
            if (sent >= segments[i].Count)
            {
                sent -= segments[i].Count;
                total -= segments[i].Count;
                continue;
            }

            await SendAsync(segments[i].AsMemory(sent)).ConfigureAwait(false);
            total -= segments[i].Count;
            sent = 0;
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> piece)
    {
        while (!piece.IsEmpty)
            piece = piece[await socket.SendAsync(piece, SocketFlags.None).ConfigureAwait(false)..];
    }
}
