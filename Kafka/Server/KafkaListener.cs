using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Apis;
using OrleansLog.Kafka.Options;

namespace OrleansLog.Kafka.Server;

/// <summary>
/// Accepts Kafka clients from the time the silo takes calls until its leaderships have been handed over. It works on sockets
/// directly: a request's records are received into the memory that the log takes them from, and sent from that into which they
/// were read.
/// </summary>
internal sealed partial class KafkaListener(
    IGrainFactory grains,
    IClusterView cluster,
    KafkaEndpoint endpoint,
    IOptions<KafkaOptions> options,
    TimeProvider time,
    ILogger<KafkaListener> logger) : ILifecycleParticipant<ISiloLifecycle>, IAsyncDisposable
{
    private const int Backlog = 512;
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(2);
    private readonly ConcurrentDictionary<KafkaConnection, Task> _connections = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly ByteBudget _budget = new(options.Value.MaxBufferedBytes, time);
    private Socket? _socket;
    private int _threads;
    private Task _accepting = Task.CompletedTask;
    private Task _sweeping = Task.CompletedTask;

    /// <summary>How many clients are connected.</summary>
    public int ConnectionCount => _connections.Count;

    /// <summary>How many of them have a thread of their own.</summary>
    public int ThreadCount => Volatile.Read(ref _threads);

    /// <summary>Bytes of requests and responses in memory.</summary>
    public long BufferedBytes => _budget.Used;

    /// <inheritdoc/>
    public void Participate(ISiloLifecycle observer)
    {
        // Last to start; but while leaderships are handed over, clients still learn from here where they go.
        observer.Subscribe(nameof(KafkaListener), ServiceLifecycleStage.Active + 2, StartAsync);
        observer.Subscribe(
            nameof(KafkaListener), ServiceLifecycleStage.Active, static _ => Task.CompletedTask, _ => DisposeAsync().AsTask());
    }

    /// <summary>Closes the listener and all connections; what was begun is answered first.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested) return;
        await _stopping.CancelAsync().ConfigureAwait(false);
        _socket?.Dispose();
        await _accepting.ConfigureAwait(false);
        await _sweeping.ConfigureAwait(false);
        foreach (var connection in _connections.Keys) connection.Finish();
        try
        {
            await Task.WhenAll(_connections.Values).WaitAsync(StopPatience, time).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            foreach (var connection in _connections.Keys) connection.Abort("the silo stops");
        }
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        // The first client is to find a broker in the metadata.
        await cluster.WhenActiveAsync(cancellationToken).WaitAsync(StartPatience, time, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        var socket = new Socket(endpoint.Listen.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            if (endpoint.Listen.Address.Equals(IPAddress.IPv6Any)) socket.DualMode = true;
            socket.Bind(endpoint.Listen);
            socket.Listen(Backlog);
        }
        catch
        {
            socket.Dispose();
            throw;
        }

        _socket = socket;
        var services = new KafkaServices(
            grains, cluster, options.Value, ApiTable.Create(), _budget, time);
        _accepting = Task.Run(() => AcceptAsync(socket, services), CancellationToken.None);
        _sweeping = Task.Run(SweepAsync, CancellationToken.None);
    }

    private async Task AcceptAsync(Socket listener, KafkaServices services)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                var socket = await listener.AcceptAsync(_stopping.Token).ConfigureAwait(false);
                if (_connections.Count < options.Value.MaxConnections)
                {
                    Serve(Open(socket, services));
                    continue;
                }

                LogFull(socket.RemoteEndPoint, options.Value.MaxConnections);
                socket.Dispose();
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
            catch (SocketException e)
            {
                // That connection was reset before it was accepted, or there are no descriptors left; the next may do better.
                LogNotAccepted(e.Message);
                if (e.SocketErrorCode == SocketError.TooManyOpenSockets) await Task.Delay(TimeSpan.FromMilliseconds(100), time).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A connection, with a thread of its own while there are any left.</summary>
    /// <exception cref="SocketException">It was reset meanwhile.</exception>
    private KafkaConnection Open(Socket socket, KafkaServices services)
    {
        var hasThread = Interlocked.Increment(ref _threads) <= options.Value.ConnectionThreads;
        if (!hasThread) Interlocked.Decrement(ref _threads);
        try
        {
            return new KafkaConnection(socket, services, logger, hasThread);
        }
        catch
        {
            if (hasThread) Interlocked.Decrement(ref _threads);
            socket.Dispose();
            throw;
        }
    }

    private void Serve(KafkaConnection connection)
    {
        var running = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _connections[connection] = running.Task;
        _ = Task.Run(async () =>
        {
            await connection.RunAsync().ConfigureAwait(false);
            _connections.TryRemove(connection, out _);
            if (connection.HasThread) Interlocked.Decrement(ref _threads);
            connection.Dispose();
            running.SetResult();
        });
    }

    /// <summary>One timer looks after all connections.</summary>
    private async Task SweepAsync()
    {
        var (idle, slow) = (options.Value.ConnectionsMaxIdle, options.Value.SlowClientTimeout);
        using var timer = new PeriodicTimer((idle < slow ? idle : slow) / 4, time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token).ConfigureAwait(false))
            {
                foreach (var connection in _connections.Keys)
                {
                    if (connection.Idle > idle)
                        connection.Abort($"it was idle for longer than {KafkaOptions.SectionName}:{nameof(KafkaOptions.ConnectionsMaxIdle)} = {idle}");
                }

                if (_budget.LongestWait > slow) AbortSlowest(slow);
            }
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    /// <summary>One at a time: it may be all that the others wait for.</summary>
    private void AbortSlowest(TimeSpan limit)
    {
        var slowest = _connections.Keys.MaxBy(static connection => connection.Slowness);
        if (slowest is null || slowest.Slowness <= limit) return;
        slowest.Abort(
            $"others wait for the memory of a request or response that it has sent or taken for {slowest.Slowness.TotalSeconds:F0} s "
            + $"({KafkaOptions.SectionName}:{nameof(KafkaOptions.SlowClientTimeout)} = {limit}, "
            + $"{nameof(KafkaOptions.MaxBufferedBytes)} = {options.Value.MaxBufferedBytes})");
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The Kafka connection from {Remote} is closed at once: there are {Limit}, as many as OrleansLog:Kafka:MaxConnections allows.")]
    private partial void LogFull(EndPoint? remote, int limit);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A Kafka connection could not be accepted: {Reason}")]
    private partial void LogNotAccepted(string reason);
}
