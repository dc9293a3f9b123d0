using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using OrleansLog.Grains.Interfaces.Transport;
using OrleansLog.Kafka.Protocol;
using OrleansLog.Kafka.Server;
using Xunit;

namespace OrleansLog.Tests.Kafka;

/// <summary>How responses that are ready together leave a silo.</summary>
public sealed class ResponseSenderTests : IDisposable
{
    private const int FrameBytes = 8;
    private readonly Socket _server;
    private readonly Socket _client = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 10_000 };

    public ResponseSenderTests()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        // Small, so that little is taken of what the client does not read.
        _client.ReceiveBufferSize = 4096;
        _client.Connect(listener.LocalEndPoint!);
        _server = listener.Accept();
        _server.SendBufferSize = 4096;
        _server.Blocking = false;
    }

    public void Dispose()
    {
        _server.Dispose();
        _client.Dispose();
    }

    [Fact]
    public void Those_of_a_round_are_sent_when_it_is_over_all_at_once()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        AnswerRound.Run(() =>
        {
            for (var i = 0; i < 5; i++) Send(sender, i);
            Assert.False(_client.Poll(20_000, SelectMode.SelectRead));
        });
        Assert.Equal(5 * FrameBytes, _client.Receive(new byte[1000]));
    }

    [Fact]
    public void Without_a_round_each_is_sent_at_once()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        Send(sender, 0);
        Assert.Equal([0], Receive(1));
        Send(sender, 1);
        Assert.Equal([1], Receive(1));
    }

    [Fact]
    public void A_connection_that_keeps_none_sends_each_at_once()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: false);
        AnswerRound.Run(() =>
        {
            Send(sender, 7);
            Assert.Equal([7], Receive(1));
        });
    }

    [Fact]
    public async Task What_follows_on_another_thread_does_not_overtake_what_is_kept()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        AnswerRound.Run(() =>
        {
            Send(sender, 0);
            Send(sender, 1);
            OnAnotherThread(() => Send(sender, 2));
            Send(sender, 3);
        });
        Send(sender, 4);
        await sender.FlushAsync();
        Assert.Equal([0, 1, 2, 3, 4], Receive(5));
    }

    [Fact]
    public async Task A_flush_sends_what_is_kept_before_the_round_is_over()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        AnswerRound.Run(() =>
        {
            Send(sender, 0);
            sender.FlushAsync().AsTask().Wait();
            Assert.Equal([0], Receive(1));
        });
        await sender.FlushAsync();
        Assert.Equal(0, _client.Available);
    }

    [Fact]
    public async Task A_client_that_does_not_read_gets_all_in_order_once_it_does()
    {
        const int Rounds = 20_000;
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        var sending = Task.Run(async () =>
        {
            for (var round = 0; round < Rounds; round++)
            {
                var pending = new List<ValueTask>();
                var first = round * 3;
                AnswerRound.Run(() => pending.Add(SendAsync(sender, first)));
                await pending[0];
                AnswerRound.Run(() => pending.Add(SendAsync(sender, first + 1)));
                await pending[1];
                await SendAsync(sender, first + 2);
            }

            await sender.FlushAsync();
        });
        for (var i = 0; i < 1000 && !sender.IsSending; i++) await Task.Delay(5);
        Assert.True(sender.IsSending);
        Assert.False(sending.IsCompleted);
        Assert.Equal(Enumerable.Range(0, Rounds * 3), Receive(Rounds * 3));
        await sending;
        Assert.False(sender.IsSending);
    }

    [Fact]
    public async Task A_client_that_does_not_take_what_was_kept_is_known_to_be_slow()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        // Until the kernel takes no more, on either side.
        for (var full = 0; full < 10; full++)
        {
            while (_server.Send(new byte[4096], SocketFlags.None, out _) > 0) full = 0;
            Thread.Sleep(20);
        }

        var sending = ValueTask.CompletedTask;
        AnswerRound.Run(() =>
        {
            Send(sender, 0);
            OnAnotherThread(() => sending = SendAsync(sender, 1));
            Assert.False(sending.IsCompleted);
            Assert.True(sender.IsSending);
            Assert.NotEqual(TimeSpan.Zero, sender.Slowness);
        });
        _server.Dispose();
        await Assert.ThrowsAnyAsync<Exception>(async () => await sending);
        Assert.False(sender.IsSending);
    }

    [Fact]
    public async Task A_broken_connection_is_told_of_by_the_next()
    {
        var sender = new ResponseSender(_server, TimeProvider.System, mayKeep: true);
        _server.Shutdown(SocketShutdown.Send);
        AnswerRound.Run(() => Send(sender, 0));
        await Assert.ThrowsAsync<SocketException>(async () => await sender.FlushAsync());
        await Assert.ThrowsAsync<SocketException>(async () => await SendAsync(sender, 1));
    }

    private static void OnAnotherThread(Action action)
    {
        var thread = new Thread(() => action());
        thread.Start();
        thread.Join();
    }

    private static void Send(ResponseSender sender, int number)
    {
        var sent = SendAsync(sender, number);
        if (!sent.IsCompletedSuccessfully) sent.AsTask().Wait();
    }

    private static async ValueTask SendAsync(ResponseSender sender, int number)
    {
        using var response = new KafkaWriter();
        response.WriteInt32(number);
        await sender.SendAsync(response);
    }

    private int[] Receive(int count)
    {
        var bytes = new byte[count * FrameBytes];
        for (var at = 0; at < bytes.Length;)
        {
            var received = _client.Receive(bytes.AsSpan(at));
            Assert.True(received > 0);
            at += received;
        }

        return [.. Enumerable.Range(0, count).Select(i =>
        {
            Assert.Equal(FrameBytes - 4, BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(i * FrameBytes)));
            return BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan((i * FrameBytes) + 4));
        })];
    }
}
