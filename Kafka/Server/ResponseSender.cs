using System.Net.Sockets;
using System.Runtime.InteropServices;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Server;

/// <summary>
/// Sends responses from the memory that they are in. Short ones that are ready in one <see cref="AnswerRound"/> are sent together when that is
/// over. One at a time; only the end of a round may come at any time, on the thread of the round.
/// </summary>
internal sealed class ResponseSender
{
    private const int MaxKeptBytes = 4096;

    private readonly Socket _socket;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly byte[]? _kept;
    private readonly Action _sendKept;
    private int _keptLength;

    /// <summary>What the kernel did not take at the end of a round.</summary>
    private Task _rest = Task.CompletedTask;

    private SocketError? _broken;
    private long _since;

    /// <summary>Sends by a socket; with <paramref name="mayKeep"/>, which is a non-blocking one, several responses together.</summary>
    public ResponseSender(Socket socket, TimeProvider time, bool mayKeep)
    {
        _socket = socket;
        _time = time;
        _kept = mayKeep ? GC.AllocateUninitializedArray<byte>(MaxKeptBytes) : null;
        _sendKept = SendKept;
    }

    /// <summary>Whether the client has yet to take a response.</summary>
    public bool IsSending => Volatile.Read(ref _since) != 0;

    /// <summary>How long the client has been taking the response that is being sent; zero when none is.</summary>
    public TimeSpan Slowness => Volatile.Read(ref _since) is var since and not 0 ? _time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Sends a response; returns when the kernel has all of it, or it is kept, as a copy, until the end of this thread's round.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    public ValueTask SendAsync(KafkaWriter response)
    {
        var pieces = response.Seal();
        return pieces.Count == 1 && TryKeep(pieces[0].Span) ? ValueTask.CompletedTask : SendNowAsync(pieces);
    }

    /// <summary>Returns when the kernel has all that was kept.</summary>
    /// <exception cref="SocketException">The connection broke.</exception>
    public async ValueTask FlushAsync()
    {
        byte[] kept = [];
        Task rest;
        lock (_gate)
        {
            if (_broken is not null) throw new SocketException((int)_broken.Value);
            rest = _rest;
            if (_keptLength > 0) kept = _kept.AsSpan(0, _keptLength).ToArray();
            _keptLength = 0;
        }

        // There is one or the other.
        await rest.ConfigureAwait(false);
        if (kept.Length > 0) await SendTimedAsync(kept).ConfigureAwait(false);
    }

    private bool TryKeep(ReadOnlySpan<byte> response)
    {
        if (_kept is null || !AnswerRound.IsOpen) return false;
        lock (_gate)
        {
            if (!_rest.IsCompletedSuccessfully || _broken is not null || _keptLength + response.Length > _kept.Length) return false;
            response.CopyTo(_kept.AsSpan(_keptLength));
            // Otherwise a round is still to end that it will be sent by.
            if (_keptLength == 0) AnswerRound.PutOff(_sendKept);
            _keptLength += response.Length;
            return true;
        }
    }

    private void SendKept()
    {
        lock (_gate)
        {
            if (_keptLength == 0) return;
            var (length, sent) = (_keptLength, 0);
            _keptLength = 0;
            try
            {
                sent = _socket.Send(_kept.AsSpan(0, length), SocketFlags.None, out var error);
                if (error == SocketError.WouldBlock) sent = 0;
                else if (error != SocketError.Success) _broken = error;
                // This wakes whoever reads, by which the connection ends.
                if (_broken is not null) _socket.Shutdown(SocketShutdown.Both);
            }
            catch (SocketException)
            {
                // It could not even be shut down: it is.
            }
            catch (ObjectDisposedException)
            {
                _broken = SocketError.Shutdown;
            }

            if (_broken is null && sent < length) _rest = SendTimedAsync(_kept.AsSpan(sent, length - sent).ToArray());
        }
    }

    private async Task SendTimedAsync(byte[] bytes)
    {
        Volatile.Write(ref _since, Math.Max(1, _time.GetTimestamp()));
        try
        {
            await SendAsync(bytes).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _since, 0);
        }
    }

    private async ValueTask SendNowAsync(IReadOnlyList<ReadOnlyMemory<byte>> pieces)
    {
        await FlushAsync().ConfigureAwait(false);
        Volatile.Write(ref _since, Math.Max(1, _time.GetTimestamp()));
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

        var sent = await _socket.SendAsync(segments, SocketFlags.None).ConfigureAwait(false);
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
            piece = piece[await _socket.SendAsync(piece, SocketFlags.None).ConfigureAwait(false)..];
    }
}
