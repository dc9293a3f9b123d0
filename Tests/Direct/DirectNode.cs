using System.Net;
using System.Net.Sockets;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using OrleansLog.Records;

namespace OrleansLog.Tests.Direct;

/// <summary>A node as far as a client that produces directly can tell; a test says what it answers.</summary>
internal sealed class DirectNode : IDisposable
{
    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<FrameSocket> _connections = [];
    private readonly Thread _accepting;

    public DirectNode()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(10);
        _accepting = new Thread(Accept) { IsBackground = true };
        _accepting.Start();
    }

    public string Endpoint => _listener.LocalEndPoint!.ToString()!;

    public string? WhyNot { get; set; }

    /// <summary>Answers a request; null for no answer.</summary>
    public Func<TopicPartition, ProduceRequest, Task<ProduceResponse>?> Produce { get; set; } = static (_, _) => null;

    private int _requests;
    private int _greetings;

    public int Requests => Volatile.Read(ref _requests);

    public int Greetings => Volatile.Read(ref _greetings);

    public void CloseConnections()
    {
        lock (_connections)
            foreach (var connection in _connections) connection.Close(new IOException("closed by the test"));
    }

    public void Dispose()
    {
        _listener.Dispose();
        CloseConnections();
    }

    private void Accept()
    {
        try
        {
            while (true)
            {
                var socket = _listener.Accept();
                var preamble = new byte[DirectPreamble.Length];
                var length = 0;
                while (length < preamble.Length && socket.Receive(preamble.AsSpan(length)) is > 0 and var more) length += more;
                if (!DirectPreamble.IsBegunBy(preamble)) throw new InvalidDataException("not direct");
                var connection = new FrameSocket(socket, 8 * 1024 * 1024, 8 * 1024 * 1024, "node");
                lock (_connections) _connections.Add(connection);
                connection.Start(new Peer(this, connection));
            }
        }
        catch (SocketException)
        {
            // The test is over.
        }
    }

    private sealed class Peer(DirectNode node, FrameSocket connection) : IFrameHandler
    {
        private bool _isGreeted;

        public void OnFrame(ReadOnlyMemory<byte> frame, bool isLast)
        {
            if (!_isGreeted)
            {
                _isGreeted = true;
                DirectGreeting.Read(frame.Span);
                Interlocked.Increment(ref node._greetings);
                connection.Send(DirectGreeting.Answer(node.WhyNot ?? ""));
                return;
            }

            var (call, partition, request) = ProduceFrames.ReadRequest(frame.Span);
            Interlocked.Increment(ref node._requests);
            _ = AnswerAsync(call, partition, request);
        }

        public void OnClosed(Exception reason)
        {
        }

        private async Task AnswerAsync(int call, TopicPartition partition, ProduceRequest request)
        {
            try
            {
                if (node.Produce(partition, request) is { } answer) connection.Send(ProduceFrames.WriteAnswer(call, await answer));
            }
            catch (OrleansLogException refusal)
            {
                connection.Send(ProduceFrames.WriteRefusal(call, refusal));
            }
        }
    }
}
