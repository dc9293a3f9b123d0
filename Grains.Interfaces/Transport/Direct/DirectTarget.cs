using System.Net.Sockets;

namespace OrleansLog.Grains.Interfaces.Transport.Direct;

/// <summary>
/// Somebody to have one direct connection with: it is made for all who ask, made again when it has ended, and not before a pause when
/// it could not be made. Thread-safe.
/// </summary>
/// <param name="connectAsync">Connects.</param>
/// <param name="isClosed">Whether a connection has ended.</param>
/// <param name="close">Ends one.</param>
/// <param name="onFailed">Hears why it could not be made.</param>
/// <param name="time">The clock for the pause.</param>
internal sealed class DirectTarget<TChannel>(
    Func<Task<TChannel>> connectAsync, Func<TChannel, bool> isClosed, Action<TChannel, Exception> close, Action<Exception> onFailed,
    TimeProvider time)
    where TChannel : class
{
    private static readonly TimeSpan RetryPause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private Task<TChannel?>? _connecting;
    private long? _failedAt;
    private string? _closed;

    /// <summary>Whether there ever was a connection.</summary>
    public bool WasConnected { get; private set; }

    /// <summary>The connection that there is; null, and one is being made, if it may be.</summary>
    public TChannel? Current => FindAsync() is { IsCompletedSuccessfully: true } found ? found.Result : null;

    /// <summary>The connection; null when it could not be made just now or a moment ago. Does not fail.</summary>
    public Task<TChannel?> FindAsync()
    {
        // The common case, without the lock.
        if (Volatile.Read(ref _connecting) is { IsCompletedSuccessfully: true, Result: { } made } known && !isClosed(made)) return known;
        lock (_gate)
        {
            if (_closed is not null) return Task.FromResult<TChannel?>(null);
            if (_connecting is { IsCompleted: false }) return _connecting;
            if (_connecting is { IsCompletedSuccessfully: true, Result: { } other } && !isClosed(other)) return _connecting;
            if (_failedAt is { } failed && time.GetElapsedTime(failed) < RetryPause) return Task.FromResult<TChannel?>(null);
            _connecting = Task.Run(ConnectAsync);
            return _connecting;
        }
    }

    /// <summary>Ends the connection, and makes none any more.</summary>
    public void Close(string why)
    {
        Task<TChannel?>? connecting;
        lock (_gate) (_closed, connecting) = (why, _connecting);
        if (connecting is { IsCompletedSuccessfully: true, Result: { } channel }) close(channel, new IOException(why));
    }

    private async Task<TChannel?> ConnectAsync()
    {
        try
        {
            var channel = await connectAsync().ConfigureAwait(false);
            string? closed;
            lock (_gate) (WasConnected, _failedAt, closed) = (true, null, _closed);
            if (closed is null) return channel;
            close(channel, new IOException(closed));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or ObjectDisposedException or InvalidDataException)
        {
            lock (_gate) _failedAt = time.GetTimestamp();
            onFailed(e);
        }

        return null;
    }
}
