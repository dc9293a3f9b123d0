using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// The calling end of a direct connection: calls that are answered in any order. What goes on after an answer runs on the thread that
/// received it, and must not block. Thread-safe.
/// </summary>
/// <typeparam name="TAnswer">What a call is answered with.</typeparam>
internal abstract class DirectChannel<TAnswer> : IFrameHandler
{
    private const int LeastSilenceMs = 1000;

    private readonly ConcurrentDictionary<int, Call> _calls = new();
    private readonly TaskCompletionSource<string> _welcome = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly FrameSocket _socket;
    private int _lastCall;

    /// <summary>Takes over a socket of <see cref="Connect"/>.</summary>
    protected DirectChannel(Socket socket, int maxAnswerBytes, long maxBacklogBytes, string name) =>
        _socket = new FrameSocket(socket, maxAnswerBytes, maxBacklogBytes, name);

    /// <summary>Whether it has ended: what is asked of it fails.</summary>
    public bool IsClosed => _socket.IsClosed;

    /// <summary>Connects, on the caller's thread, and says that this is a direct connection.</summary>
    /// <exception cref="SocketException">It was refused.</exception>
    /// <exception cref="IOException">It took longer than <paramref name="patience"/>.</exception>
    public static Socket Connect(IPEndPoint endpoint, TimeSpan patience)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Not ConnectAsync: a socket that was used asynchronously once wakes a thread of the runtime with all that arrives there.
            socket.Blocking = false;
            try
            {
                socket.Connect(endpoint);
            }
            catch (SocketException e) when (e.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                if (!socket.Poll(patience, SelectMode.SelectWrite)) throw new IOException($"{endpoint} did not answer.");
            }

            socket.Blocking = true;
            DirectPreamble.Send(socket);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Begins to receive, and greets.</summary>
    /// <exception cref="IOException">The other side is not who is meant, or refuses, or the connection broke.</exception>
    public async Task GreetAsync(DirectGreeting greeting, CancellationToken cancellationToken)
    {
        _socket.Start(this);
        try
        {
            _socket.Send(greeting.ToFrame());
            var whyNot = await _welcome.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (whyNot.Length > 0) throw new IOException(whyNot);
        }
        catch (Exception e)
        {
            Close(e);
            throw;
        }
    }

    /// <summary>Ends it.</summary>
    public void Close(Exception reason) => _socket.Close(reason);

    /// <summary>Reads an answer.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    protected abstract (int Call, TAnswer Answer) ReadAnswer(ReadOnlySpan<byte> frame);

    /// <summary>It has ended, and all its calls have failed.</summary>
    protected virtual void OnEnded(Exception reason)
    {
    }

    /// <summary>Names a call that is to be sent.</summary>
    protected int NextCall() => Interlocked.Increment(ref _lastCall);

    /// <summary>
    /// Sends a call, on the caller's thread; never blocks. <paramref name="body"/> must not change until it has ended, which it has when
    /// the answer is there or the connection is closed. When <paramref name="timeout"/> is cancelled and nothing at all came meanwhile,
    /// the connection is closed: after a cut that was mended, the kernel may wait for many seconds before it sends again.
    /// </summary>
    protected Task<TAnswer> SendAsync(int id, ReadOnlySpan<byte> head, ReadOnlyMemory<byte> body, CancellationToken timeout)
    {
        var call = new Call();
        _calls[id] = call;
        // Closed meanwhile: whoever closed it may not have seen this call.
        if (!_socket.Send(head, body) && _calls.TryRemove(id, out _)) call.TrySetException(Ended(null));
        else if (timeout.CanBeCanceled) call.CloseWhenSilent(this, timeout);
        return call.Task;
    }

    /// <inheritdoc/>
    void IFrameHandler.OnFrame(ReadOnlyMemory<byte> frame, bool isLast)
    {
        if (!_welcome.Task.IsCompleted)
        {
            _welcome.TrySetResult(DirectGreeting.ReadAnswer(frame.Span));
            return;
        }

        var (id, answer) = ReadAnswer(frame.Span);
        if (!_calls.TryRemove(id, out var call)) throw new InvalidDataException($"Call {id} was answered twice, or never made.");
        call.Silence.Dispose();
        call.TrySetResult(answer);
    }

    /// <inheritdoc/>
    void IFrameHandler.OnClosed(Exception reason)
    {
        _welcome.TrySetException(Ended(reason));
        _ = _welcome.Task.Exception;
        // Late comers are told by Send.
        while (!_calls.IsEmpty)
        {
            foreach (var id in _calls.Keys)
            {
                if (!_calls.TryRemove(id, out var call)) continue;
                call.Silence.Dispose();
                call.TrySetException(Ended(reason));
            }
        }

        OnEnded(reason);
    }

    private static IOException Ended(Exception? reason) => new($"The direct connection ended: {reason?.Message ?? "it is closed"}", reason);

    private void EndIfSilent(Call call)
    {
        // The token is cancelled, too, when whoever called ends.
        if (call.Task.IsCompleted || _socket.ReceivedAt > call.SentAt || Environment.TickCount64 - call.SentAt < LeastSilenceMs) return;
        Close(new TimeoutException("nothing came by it for as long as a call may take"));
    }

    private sealed class Call : TaskCompletionSource<TAnswer>
    {
        public long SentAt { get; } = Environment.TickCount64;

        public CancellationTokenRegistration Silence { get; private set; }

        public void CloseWhenSilent(DirectChannel<TAnswer> channel, CancellationToken timeout) => Silence = timeout.UnsafeRegister(
            static state =>
            {
                var (owner, call) = ((DirectChannel<TAnswer>, Call))state!;
                owner.EndIfSilent(call);
            },
            (channel, this));
    }
}
