using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OrleansLog.Kafka.Apis;
using OrleansLog.Kafka.Protocol;

namespace OrleansLog.Kafka.Server;

/// <summary>
/// One client's connection. Requests are answered in the order in which they came. Those that may be pipelined (Produce) are begun
/// as they come, up to bounds, and answered by a second loop; any other is begun when all before it are answered, and nothing is
/// read beyond the one after it. So a client that does not read its responses is not read from either, and holds no more memory
/// than its bounds.
/// </summary>
internal sealed partial class KafkaConnection : IDisposable
{
    private readonly Socket _socket;
    private readonly KafkaServices _services;
    private readonly ILogger _logger;
    private readonly FrameReader _reader;
    private readonly ResponseSender _sender;
    private readonly InFlight _inFlight;
    private readonly CancellationTokenSource _aborted = new();
    private readonly CancellationTokenSource _stopReading = new();
    private readonly Channel<(RequestContext Request, Task Handled)> _begun;

    /// <summary>The last request that may not be pipelined.</summary>
    private Task _alone = Task.CompletedTask;

    /// <summary>A connection that was accepted; one that <paramref name="hasThread"/> reads on a thread of its own.</summary>
    public KafkaConnection(Socket socket, KafkaServices services, ILogger logger, bool hasThread)
    {
        HasThread = hasThread;
        _socket = socket;
        _services = services;
        _logger = logger;
        socket.NoDelay = true;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        Remote = socket.RemoteEndPoint;
        if (hasThread) socket.Blocking = false; // what waits are polls
        _reader = new FrameReader(socket, services.Options, services.Budget, services.Time) { IsBlocking = hasThread };
        _sender = new ResponseSender(socket, services.Time, mayKeep: hasThread);
        _inFlight = new InFlight(services.Options.MaxInFlightRequests, services.Options.MaxConnectionBytes);
        _begun = Channel.CreateUnbounded<(RequestContext, Task)>(
            new UnboundedChannelOptions { SingleReader = true, SingleWriter = true, AllowSynchronousContinuations = true });
    }

    /// <summary>Where the client is.</summary>
    public EndPoint? Remote { get; }

    /// <summary>Whether it reads on a thread of its own.</summary>
    public bool HasThread { get; }

    /// <summary>How long nothing has come from the client while nothing was being worked on for it, or it took nothing.</summary>
    public TimeSpan Idle => _inFlight.Count == 0 || _sender.IsSending ? _reader.Quiet : TimeSpan.Zero;

    /// <summary>How long the client has been sending the request, or taking the response, that memory is held for.</summary>
    public TimeSpan Slowness => _sender.Slowness > _reader.Slowness ? _sender.Slowness : _reader.Slowness;

    /// <summary>Serves the client until either side ends it. Never throws.</summary>
    public async Task RunAsync()
    {
        var answering = Task.Run(AnswerAsync);
        try
        {
            await (HasThread ? ReadOnThreadAsync() : ReadAsync()).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Close(e);
        }

        _begun.Writer.TryComplete();
        await answering.ConfigureAwait(false);
        Close(null);
    }

    /// <summary>Takes no more requests; those begun are answered, and then the connection is closed.</summary>
    public void Finish() => _stopReading.Cancel();

    /// <summary>Closes the connection at once.</summary>
    public void Abort(string reason) => Close(new ProtocolException(reason));

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        _aborted.Dispose();
        _stopReading.Dispose();
    }

    private async Task ReadAsync()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stopReading.Token, _aborted.Token);
        Task<Frame?>? ahead = null;
        try
        {
            while (true)
            {
                var reading = ahead is null ? _reader.ReadAsync(ending.Token) : new ValueTask<Frame?>(ahead);
                ahead = null;
                if (await reading.ConfigureAwait(false) is not { } frame) return;
                var request = Open(frame, out var isAnswered);
                await WaitForTurnAsync(request, ending.Token).ConfigureAwait(false);
                var handled = isAnswered ? Task.CompletedTask : Begin(request);
                _begun.Writer.TryWrite((request, handled));
                if (request.Api.IsPipelined)
                {
                    await request.Ordered.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    continue;
                }

                _alone = handled;
                if (!handled.IsCompleted) ahead = await WatchWhileAsync(handled, ending.Token).ConfigureAwait(false);
            }
        }
        finally
        {
            if (ahead is not null) _ = DiscardAsync(ahead);
        }
    }

    private Task ReadOnThreadAsync()
    {
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        new Thread(() =>
        {
            try
            {
                ReadHere();
                ended.SetResult();
            }
            catch (Exception e)
            {
                ended.SetException(e);
            }
        }) { IsBackground = true, Name = $"kafka {Remote}" }.Start();
        return ended.Task;
    }

    // As ReadAsync. While a request is carried out that is answered alone, the next one is being read, and what ends the connection is noticed.
    private void ReadHere()
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(_stopReading.Token, _aborted.Token);
        using var waking = ending.Token.Register(StopReceiving);
        while (true)
        {
            Frame? read;
            try
            {
                var reading = _reader.ReadAsync(ending.Token);
                read = reading.IsCompletedSuccessfully ? reading.Result : reading.AsTask().GetAwaiter().GetResult();
            }
            catch
            {
                EndAlone();
                throw;
            }

            if (read is not { } frame)
            {
                EndAlone();
                return;
            }

            var request = Open(frame, out var isAnswered);
            WaitHere(WaitForTurnAsync(request, ending.Token));
            var handled = isAnswered ? Task.CompletedTask : Begin(request);
            _begun.Writer.TryWrite((request, handled));
            if (!request.Api.IsPipelined) _alone = handled;
            else if (!request.Ordered.IsCompleted) Task.WaitAny(request.Ordered);
        }
    }

    private static void WaitHere(ValueTask wait)
    {
        if (wait.IsCompletedSuccessfully) return;
        wait.AsTask().GetAwaiter().GetResult();
    }

    // The thread that waits for something to come is told that nothing will.
    private void StopReceiving()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Receive);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The connection has ended.
        }
    }

    // The client is gone, and waits for nothing any more. At a stop, what was begun is answered; a long poll sees for itself that the silo stops.
    private void EndAlone()
    {
        if (!_alone.IsCompleted && !_stopReading.IsCancellationRequested) _aborted.Cancel();
    }

    /// <summary>Waits for room, and for the requests before this one: all of them, unless they and this one may be pipelined.</summary>
    private async ValueTask WaitForTurnAsync(RequestContext request, CancellationToken cancellationToken)
    {
        try
        {
            await _inFlight.EnterAsync(request.FrameLength, cancellationToken).ConfigureAwait(false);
            if (!request.Api.IsPipelined || !_alone.IsCompleted)
                await _inFlight.WhenAloneAsync(cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            request.Dispose();
            throw;
        }
    }

    /// <summary>Reads on while a request is carried out, and ends its waits when the client goes away meanwhile.</summary>
    private async Task<Task<Frame?>> WatchWhileAsync(Task handled, CancellationToken cancellationToken)
    {
        var ahead = _reader.ReadAsync(cancellationToken).AsTask();
        if (await Task.WhenAny(handled, ahead).ConfigureAwait(false) == ahead && (!ahead.IsCompletedSuccessfully || ahead.Result is null))
        {
            // At a stop, what was begun is answered; a long poll sees for itself that the silo stops.
            if (!_stopReading.IsCancellationRequested) await _aborted.CancelAsync().ConfigureAwait(false);
        }

        return ahead;
    }

    private static async Task DiscardAsync(Task<Frame?> ahead)
    {
        try
        {
            (await ahead.ConfigureAwait(false))?.Dispose();
        }
        catch (Exception)
        {
            // The connection is closed; why has been said.
        }
    }

    /// <summary>Reads the header, which may be all it takes to answer.</summary>
    private RequestContext Open(Frame frame, out bool isAnswered)
    {
        isAnswered = false;
        try
        {
            var reader = new KafkaReader(frame.Memory);
            var header = RequestHeader.ReadStart(ref reader);
            var api = _services.Apis.Find(header.ApiKey)
                ?? throw new ProtocolException($"API key {header.ApiKey} (version {header.ApiVersion}) is not served");
            if (!api.Serves(header.ApiVersion))
            {
                if (api is not ApiVersionsApi versions)
                    throw new ProtocolException($"version {header.ApiVersion} of {api.Key} is not served: {api.MinVersion} to {api.MaxVersion} are");
                var refusal = new RequestContext(_services, frame, api, header with { ApiVersion = 0 }, Remote, _aborted.Token);
                versions.WriteUnsupported(refusal.Response);
                isAnswered = true;
                return refusal;
            }

            header = header.ReadRest(ref reader, api.IsFlexible(header.ApiVersion));
            return new RequestContext(_services, frame, api, header, Remote, _aborted.Token) { Body = frame.Memory[^reader.Remaining..] };
        }
        catch
        {
            frame.Dispose();
            throw;
        }
    }

    private Task Begin(RequestContext request)
    {
        if (_logger.IsEnabled(LogLevel.Trace)) LogRequest(request.Api.Key, request.ApiVersion, Remote, Convert.ToHexString(request.Body.Span));
        var reader = new KafkaReader(request.Body) { IsFlexible = request.Api.IsFlexible(request.ApiVersion) };
        try
        {
            return request.Api.HandleAsync(request, reader);
        }
        catch (Exception e)
        {
            return Task.FromException(e);
        }
    }

    /// <summary>Sends the responses in the order of the requests.</summary>
    private async Task AnswerAsync()
    {
        var isBroken = false;
        await foreach (var (request, handled) in _begun.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                await handled.ConfigureAwait(false);
                if (!isBroken && !request.HasNoResponse) await _sender.SendAsync(request.Response).ConfigureAwait(false);
                if (request.CloseReason is { } reason) throw new ProtocolException(reason);
            }
            catch (Exception e)
            {
                // What was begun after it is still waited for, since it may use the memory of its request.
                if (!isBroken && e is not SocketException) await FlushAsync().ConfigureAwait(false);
                isBroken = true;
                Close(e is ProtocolException ? new ProtocolException($"{request.Api.Key} (version {request.ApiVersion}): {e.Message}") : e);
            }
            finally
            {
                var length = request.FrameLength;
                request.Dispose();
                _inFlight.Leave(length);
            }
        }

        if (!isBroken) await FlushAsync().ConfigureAwait(false);
    }

    /// <summary>Sends what is kept of the responses.</summary>
    private async ValueTask FlushAsync()
    {
        try
        {
            await _sender.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Close(e);
        }
    }

    private void Close(Exception? cause)
    {
        if (_aborted.IsCancellationRequested && cause is not ProtocolException) cause = null;
        switch (cause)
        {
            case null:
            case OperationCanceledException:
            case ObjectDisposedException:
                break;
            case ProtocolException:
                LogClosed(Remote, cause.Message);
                break;
            case SocketException:
                LogBroken(Remote, cause.Message);
                break;
            default:
                LogFailed(cause, Remote);
                break;
        }

        try
        {
            _aborted.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It was closed before.
        }

        _socket.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The Kafka connection from {Remote} is closed: {Reason}.")]
    private partial void LogClosed(EndPoint? remote, string reason);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The Kafka connection from {Remote} broke: {Reason}")]
    private partial void LogBroken(EndPoint? remote, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "The Kafka connection from {Remote} is closed: a request failed.")]
    private partial void LogFailed(Exception exception, EndPoint? remote);

    [LoggerMessage(Level = LogLevel.Trace, Message = "{Api} {Version} from {Remote}: {Body}")]
    private partial void LogRequest(ApiKey api, short version, EndPoint? remote, string body);
}
