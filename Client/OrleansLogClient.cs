using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace OrleansLog.Client;

/// <summary>
/// The typed client of an OrleansLog cluster: makes producers, consumers and the admin client. It talks to the grains by way of
/// an <see cref="IGrainFactory"/>, so it works inside a silo, next to an Orleans client
/// (<see cref="OrleansLogClientServiceCollectionExtensions.AddOrleansLogClient"/>), or with a connection of its own
/// (<see cref="ConnectAsync"/>). Thread-safe. Disposing of it closes its own connection, if it has one; dispose of the producers
/// and consumers before.
/// </summary>
public sealed class OrleansLogClient : IAsyncDisposable
{
    private readonly ClientContext _context;
    private readonly IAsyncDisposable? _connection;

    internal OrleansLogClient(
        IGrainFactory grains,
        OrleansLogClientOptions options,
        IServiceProvider? services = null,
        ILoggerFactory? loggers = null,
        TimeProvider? time = null,
        IAsyncDisposable? connection = null,
        ConnectionMonitor? connectionMonitor = null,
        DirectNodes? direct = null)
    {
        ArgumentNullException.ThrowIfNull(grains);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _context = new ClientContext(
            grains, options, services, loggers ?? NullLoggerFactory.Instance, time ?? TimeProvider.System,
            connectionMonitor ?? new ConnectionMonitor(), direct);
        _connection = connection;
        Admin = new AdminClient(_context);
    }

    /// <summary>Administration of topics, records, groups and the cluster.</summary>
    public AdminClient Admin { get; }

    /// <summary>
    /// Connects to a cluster by an Orleans client of its own, which lives until the result is disposed of.
    /// </summary>
    /// <exception cref="Records.OrleansLogException">NetworkException: no gateway answered within
    /// <see cref="OrleansLogClientOptions.ConnectTimeout"/>; the message names the endpoints and the cluster.</exception>
    /// <exception cref="ArgumentException">An option is invalid.</exception>
    public static Task<OrleansLogClient> ConnectAsync(OrleansLogClientOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return ClientConnection.ConnectAsync(options, cancellationToken);
    }

    /// <summary>Makes a producer. Its options are checked here and copied; each producer has buffers of its own.</summary>
    /// <exception cref="ArgumentException">An option is out of range, contradicts another, or there is no default serializer for
    /// a type.</exception>
    public Producer<TKey, TValue> CreateProducer<TKey, TValue>(ProducerOptions<TKey, TValue>? options = null) =>
        new(_context, options ?? new ProducerOptions<TKey, TValue>());

    /// <summary>Makes a consumer. It reads nothing until it has subscribed or been assigned partitions and is enumerated.</summary>
    /// <exception cref="ArgumentException">An option is out of range, contradicts another, or there is no default serializer for
    /// a type.</exception>
    public Consumer<TKey, TValue> CreateConsumer<TKey, TValue>(ConsumerOptions<TKey, TValue>? options = null) =>
        new(_context, options ?? new ConsumerOptions<TKey, TValue>());

    /// <summary>Closes the connection that <see cref="ConnectAsync"/> made; does nothing for a client on a host's connection.</summary>
    public ValueTask DisposeAsync() => _connection?.DisposeAsync() ?? default;
}
