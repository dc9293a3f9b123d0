using System.Buffers.Binary;
using System.Net.Sockets;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using Xunit;

namespace OrleansLog.Tests.Direct;

/// <summary>Frames over a real connection.</summary>
public sealed class FrameSocketTests : IDisposable
{
    private const int MaxFrame = 8 * 1024 * 1024;
    private readonly Socket _raw;
    private readonly FrameSocket _socket;
    private readonly FrameListener _listener = new();

    public FrameSocketTests()
    {
        var (a, b) = SocketPair.Connect();
        _raw = a;
        _socket = new FrameSocket(b, MaxFrame, maxBacklogBytes: 64 * 1024 * 1024, "test");
    }

    public void Dispose()
    {
        _socket.Close(new IOException("the test is over"));
        _raw.Dispose();
    }

    [Fact]
    public async Task Frames_of_every_size_arrive_whole_and_in_order()
    {
        var (other, heard) = StartBoth();
        var random = new Random(7);
        int[] sizes = [0, 1, 3, 4, 100, 4_000, 64 * 1024 - 4, 64 * 1024, 256 * 1024 - 5, 256 * 1024 - 4, 256 * 1024, 1_000_000, 3_000_000, 0, 17];
        var frames = sizes.Select(size => Bytes(random, size)).ToArray();
        foreach (var frame in frames)
        {
            var head = Math.Min(frame.Length, random.Next(40));
            Assert.True(other.Send(frame.AsSpan(0, head), frame.AsMemory(head)));
        }

        foreach (var frame in frames) Assert.Equal(frame, (await heard.NextAsync()).Frame);
    }

    [Fact]
    public async Task Both_sides_send_at_once_from_many_threads()
    {
        var (other, heard) = StartBoth();
        var sent = Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 500; i++)
            {
                Assert.True(other.Send([(byte)thread, (byte)i], new byte[i * 100]));
                Assert.True(_socket.Send([(byte)thread], new byte[i * 10]));
            }
        })).ToArray();
        var next = new int[8];
        for (var i = 0; i < 8 * 500; i++)
        {
            var frame = (await heard.NextAsync()).Frame;
            // Each thread's in its order.
            Assert.Equal((byte)next[frame[0]], frame[1]);
            Assert.Equal(2 + (next[frame[0]]++ * 100), frame.Length);
        }

        await Task.WhenAll(sent);
    }

    [Fact]
    public async Task A_sender_never_waits_for_a_reader_that_does_not_read()
    {
        var (other, heard) = StartBoth();
        heard.Goes.Reset();
        var body = Bytes(new Random(3), 1024 * 1024);
        // More than any socket's buffers.
        for (var i = 0; i < 24; i++) Assert.True(other.Send([(byte)i], body));
        heard.Goes.Set();
        for (var i = 0; i < 24; i++)
        {
            var frame = (await heard.NextAsync()).Frame;
            Assert.Equal(i, frame[0]);
            Assert.True(frame.AsSpan(1).SequenceEqual(body));
        }
    }

    [Fact]
    public async Task More_than_may_wait_to_be_sent_ends_the_connection()
    {
        var (a, b) = SocketPair.Connect();
        using var silent = b;
        var sender = new FrameSocket(a, MaxFrame, maxBacklogBytes: 4 * 1024 * 1024, "sender");
        var listener = new FrameListener();
        sender.Start(listener);
        var body = new byte[1024 * 1024];
        var i = 0;
        while (sender.Send([], body)) Assert.True(++i < 100, "nothing was ever refused");
        Assert.Contains("wait to be sent", (await listener.Closed).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(MaxFrame + 1)]
    [InlineData(int.MaxValue)]
    public async Task A_length_out_of_bounds_ends_the_connection_with_the_reason(int length)
    {
        _socket.Start(_listener);
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, length);
        _raw.Send(bytes);
        var reason = await _listener.Closed;
        Assert.IsType<InvalidDataException>(reason);
        Assert.Contains(length.ToString(System.Globalization.CultureInfo.InvariantCulture), reason.Message, StringComparison.Ordinal);
        Assert.False(_socket.Send([1]));
    }

    [Fact]
    public async Task A_connection_that_ends_within_a_frame_is_told()
    {
        _socket.Start(_listener);
        var bytes = new byte[100];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, 1_000_000);
        _raw.Send(bytes);
        _raw.Dispose();
        await _listener.Closed;
        Assert.True(_socket.IsClosed);
    }

    [Fact]
    public async Task What_a_handler_throws_ends_the_connection()
    {
        var handler = new FrameListener { Fails = static _ => new InvalidDataException("not my frame") };
        _socket.Start(handler);
        _raw.Send([1, 0, 0, 0, 9]);
        Assert.Equal("not my frame", (await handler.Closed).Message);
        Assert.Equal(0, _raw.Receive(new byte[1]));
    }

    [Fact]
    public async Task The_last_frame_that_has_come_is_told_from_those_before_it()
    {
        _socket.Start(_listener);
        _raw.Send([1, 0, 0, 0, 1, 1, 0, 0, 0, 2, 1, 0, 0, 0, 3]);
        foreach (var isLast in new[] { false, false, true }) Assert.Equal(isLast, (await _listener.NextAsync()).IsLast);
        _raw.Send([1, 0, 0, 0, 1, 1, 0]);
        Assert.False((await _listener.NextAsync()).IsLast);
        _raw.Send([0, 0, 2]);
        Assert.True((await _listener.NextAsync()).IsLast);
    }

    private (FrameSocket Other, FrameListener Heard) StartBoth()
    {
        var other = new FrameSocket(_raw, MaxFrame, 64 * 1024 * 1024, "other");
        other.Start(new FrameListener());
        _socket.Start(_listener);
        return (other, _listener);
    }

    private static byte[] Bytes(Random random, int size)
    {
        var bytes = new byte[size];
        random.NextBytes(bytes);
        return bytes;
    }
}
