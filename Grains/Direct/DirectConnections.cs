using System.Collections.Concurrent;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces.Serialization;
using OrleansLog.Grains.Interfaces.Transport.Direct;

namespace OrleansLog.Grains.Direct;

/// <summary>
/// The direct connections that other nodes and clients have opened to this one: greets them, and hands each to the service of its role.
/// Thread-safe.
/// </summary>
internal sealed partial class DirectConnections(IServiceProvider services, TimeProvider time, ILogger<DirectConnections> logger)
    : IDirectConnections, ILifecycleParticipant<ISiloLifecycle>
{
    /// <summary>Connections at a time; each has a thread and a buffer of 256 KiB.</summary>
    public const int MaxConnections = 256;

    // An answer is small, and who asked waits for it.
    private const long MaxBacklogBytes = 64L * 1024 * 1024;
    private const int MaxFrameBytes = RecordBytesCodec.MaxLength + 4096;

    private static readonly TimeSpan s_greetingPatience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<FrameSocket, byte> _connections = new();
    private volatile bool _isListening;
    private volatile bool _isStopped;

    /// <summary>Whether others can connect.</summary>
    public bool IsListening => _isListening;

    /// <inheritdoc/>
    public void NoteListening() => _isListening = true;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer) => observer.Subscribe(
        nameof(DirectConnections), ServiceLifecycleStage.RuntimeGrainServices, static _ => Task.CompletedTask, _ =>
        {
            _isStopped = true;
            foreach (var connection in _connections.Keys) connection.Close(new IOException("the silo stops"));
            return Task.CompletedTask;
        });

    /// <inheritdoc/>
    public void Accept(Socket socket)
    {
        try
        {
            if (_connections.Count >= MaxConnections)
            {
                LogFull(MaxConnections);
                socket.Dispose();
                return;
            }

            // Whoever has not said who it is gets no more memory than that takes.
            var connection = new FrameSocket(socket, DirectGreeting.MaxBytes, MaxBacklogBytes, $"direct from {socket.RemoteEndPoint}");
            _connections[connection] = 0;
            var guest = new Guest(this, connection);
            connection.Start(guest);
            _ = CloseUnlessGreetedAsync(guest, connection);
            if (_isStopped) connection.Close(new IOException("the silo stops"));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Gone already.
            socket.Dispose();
        }
    }

    // Cannot fail.
    private async Task CloseUnlessGreetedAsync(Guest guest, FrameSocket connection)
    {
        await Task.Delay(s_greetingPatience, time).ConfigureAwait(false);
        if (!guest.IsWelcome) connection.Close(new TimeoutException($"no greeting came within {s_greetingPatience.TotalSeconds} s"));
    }

    // Not asked for before: the services need the silo's networking, and that needs this.
    private IDirectService? ServiceOf(DirectRole role) =>
        services.GetServices<IDirectService>().FirstOrDefault(service => service.Role == role);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A direct connection is closed at once: there are {Limit}, the bound.")]
    private partial void LogFull(int limit);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A direct connection is closed: {Reason}")]
    private partial void LogRefused(string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "A direct connection is closed by a failure here.")]
    private partial void LogFailed(Exception reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "A direct connection has ended: {Reason}")]
    private partial void LogEnded(string reason);

    /// <summary>One connection: hears the greeting itself, and leaves the rest to the service.</summary>
    private sealed class Guest(DirectConnections owner, FrameSocket connection) : IFrameHandler
    {
        private IFrameHandler? _service;

        public bool IsWelcome => Volatile.Read(ref _service) is not null;

        public void OnFrame(ReadOnlyMemory<byte> frame, bool isLast)
        {
            if (_service is { } service)
            {
                service.OnFrame(frame, isLast);
                return;
            }

            var greeting = DirectGreeting.Read(frame.Span);
            var wanted = owner.ServiceOf(greeting.Role);
            var whyNot = greeting.Version != DirectGreeting.CurrentVersion
                ? $"version {DirectGreeting.CurrentVersion} is spoken here, not {greeting.Version}"
                : wanted is null ? $"nobody here serves the role {(byte)greeting.Role}" : wanted.WhyNot(greeting);
            connection.Send(DirectGreeting.Answer(whyNot ?? ""));
            if (whyNot is not null) throw new InvalidDataException(whyNot);

            connection.MaxFrameBytes = MaxFrameBytes;
            Volatile.Write(ref _service, wanted!.Serve(connection));
        }

        public void OnClosed(Exception reason)
        {
            owner._connections.TryRemove(connection, out _);
            if (reason is InvalidDataException) owner.LogRefused(reason.Message);
            else if (reason is IOException or SocketException or TimeoutException) owner.LogEnded(reason.Message);
            else owner.LogFailed(reason);
            _service?.OnClosed(reason);
        }
    }
}
