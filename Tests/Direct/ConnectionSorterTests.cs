using System.Collections.Concurrent;
using System.Net.Sockets;
using OrleansLog.Grains.Interfaces.Transport.Direct;
using Xunit;

namespace OrleansLog.Tests.Direct;

/// <summary>Connections to one port, told apart by what they begin with.</summary>
public sealed class ConnectionSorterTests : IDirectConnections
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);
    private readonly BlockingCollection<Socket> _direct = [];
    private readonly BlockingCollection<Socket> _orleans = [];
    private readonly ConnectionSorter _sorter;

    public ConnectionSorterTests() => _sorter = new ConnectionSorter(this, _orleans.Add, patienceMs: 300);

    [Fact]
    public void One_that_begins_with_the_preamble_is_direct_and_the_preamble_is_taken()
    {
        var (client, server) = SocketPair.Connect();
        _sorter.Sort(server);
        DirectPreamble.Send(client);
        client.Send([42]);
        var direct = Take(_direct);
        var begin = new byte[1];
        Assert.Equal(1, direct.Receive(begin));
        Assert.Equal(42, begin[0]);
    }

    [Fact]
    public void One_that_speaks_piece_by_piece_is_waited_for()
    {
        var (client, server) = SocketPair.Connect();
        _sorter.Sort(server);
        foreach (var piece in new[] { "OL", "OGd", "ir1" })
        {
            client.Send(System.Text.Encoding.ASCII.GetBytes(piece));
            Thread.Yield();
        }

        Take(_direct);
        Assert.Empty(_orleans);
    }

    [Theory]
    [InlineData(new byte[] { 60, 0, 0, 0, 1, 2, 3 })]
    [InlineData(new byte[] { 0, 4, 0, 0 })]
    [InlineData(new byte[] { 79, 76, 79, 71, 100, 105, 114, 50 })] // another version of the preamble
    public void Anything_else_is_for_Orleans_and_nothing_of_it_is_taken(byte[] bytes)
    {
        var (client, server) = SocketPair.Connect();
        client.Send(bytes);
        _sorter.Sort(server);
        var passed = Take(_orleans);
        var begin = new byte[100];
        Assert.Equal(bytes, begin[..passed.Receive(begin)]);
        Assert.Empty(_direct);
    }

    [Fact]
    public void One_that_says_nothing_holds_up_nobody_and_is_left_to_Orleans()
    {
        var (_, silent) = SocketPair.Connect();
        _sorter.Sort(silent);
        var (client, server) = SocketPair.Connect();
        _sorter.Sort(server);
        DirectPreamble.Send(client);
        Take(_direct);
        Assert.Same(silent, Take(_orleans));
    }

    [Fact]
    public void One_that_is_closed_at_once_is_left_to_Orleans()
    {
        var (client, server) = SocketPair.Connect();
        client.Dispose();
        _sorter.Sort(server);
        Assert.Same(server, Take(_orleans));
    }

    void IDirectConnections.NoteListening()
    {
    }

    void IDirectConnections.Accept(Socket socket) => _direct.Add(socket);

    private static Socket Take(BlockingCollection<Socket> from) =>
        from.TryTake(out var socket, s_patience) ? socket : throw new TimeoutException("no connection came");
}
