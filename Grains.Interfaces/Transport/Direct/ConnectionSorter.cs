using System.Net.Sockets;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// Looks at the first bytes of connections that were accepted, and hands each to whom it is for. It waits for them on a thread that
/// lives while some are still to come, since a socket that was waited for asynchronously once wakes a thread of the runtime with all
/// that arrives there later. A connection that says nothing in time is left to Orleans, which has a time limit of its own.
/// Thread-safe.
/// </summary>
internal sealed class ConnectionSorter(IDirectConnections direct, Action<Socket> toOrleans, long patienceMs = 5000)
{
    private const int MaxSilent = 1024;
    private const int LookMicroseconds = 2000;

    private readonly Lock _gate = new();
    private readonly List<Waiting> _silent = [];
    private bool _isLooking;

    /// <summary>Takes a connection that was just accepted.</summary>
    public void Sort(Socket socket)
    {
        if (TryPass(socket)) return;
        lock (_gate)
        {
            if (_silent.Count < MaxSilent)
            {
                _silent.Add(new Waiting(socket, Environment.TickCount64 + patienceMs));
                if (_isLooking) return;
                _isLooking = true;
                new Thread(Look) { IsBackground = true, Name = "new connections" }.Start();
                return;
            }
        }

        toOrleans(socket);
    }

    private void Look()
    {
        var readable = new List<Socket>();
        while (true)
        {
            lock (_gate)
            {
                if (_silent.Count == 0)
                {
                    _isLooking = false;
                    return;
                }

                readable.Clear();
                foreach (var waiting in _silent) readable.Add(waiting.Socket);
            }

            try
            {
                Socket.Select(readable, null, null, LookMicroseconds);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException)
            {
                // One of them is gone; which, the look at each tells.
            }

            var now = Environment.TickCount64;
            List<Waiting> looked;
            lock (_gate) looked = _silent.FindAll(waiting => waiting.Deadline < now || readable.Contains(waiting.Socket));
            foreach (var waiting in looked)
            {
                var isPassed = TryPass(waiting.Socket);
                if (!isPassed && waiting.Deadline >= now) continue;
                lock (_gate) _silent.Remove(waiting);
                if (!isPassed) toOrleans(waiting.Socket);
            }
        }
    }

    // True when it was passed on, or is not to be looked at any more.
    private bool TryPass(Socket socket)
    {
        Span<byte> begin = stackalloc byte[DirectPreamble.Length];
        try
        {
            if (!socket.Poll(0, SelectMode.SelectRead)) return false;
            var length = socket.Receive(begin, SocketFlags.Peek);
            if (length is > 0 and < DirectPreamble.TellingLength) return false;
            if (length >= DirectPreamble.TellingLength && DirectPreamble.IsBegunBy(begin[..length]))
            {
                if (length < DirectPreamble.Length) return false;
                socket.Receive(begin);
                direct.Accept(socket);
                return true;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Reset before it said anything: Orleans sees that, too.
        }

        toOrleans(socket);
        return true;
    }

    private readonly record struct Waiting(Socket Socket, long Deadline);
}
