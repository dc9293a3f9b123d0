using Microsoft.Extensions.Logging;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// Fetches ahead of one cursor, in a loop of its own: the next fetch is on its way before the last one has been checked and
/// read. At the end of the partition the leader holds the fetch until there is more.
/// </summary>
internal sealed class PartitionFetcher : IAsyncDisposable
{
    // A leader that is gone has a successor within a fraction of a second.
    private const int QuickRetries = 10;

    private readonly ConsumerCore _core;
    private readonly PartitionCursor _cursor;
    private readonly IPartitionGrain _leader;
    private readonly AsyncSignal _signal;
    private readonly CancellationTokenSource _closed = new();
    private readonly Task _loop;
    private CancellationTokenSource? _fetching;

    public PartitionFetcher(ConsumerCore core, PartitionCursor cursor)
    {
        _core = core;
        _cursor = cursor;
        _leader = core.Context.Grains.GetPartition(cursor.Partition);
        _signal = new AsyncSignal(core.Context.Time);
        cursor.WakeFetcher = Wake;
        _loop = BackgroundTask.Run(RunAsync);
    }

    public PartitionCursor Cursor => _cursor;

    private ConsumerSettings Settings => _core.Settings;

    private TimeProvider Time => _core.Context.Time;

    /// <summary>Stops fetching; completes when the loop has ended.</summary>
    public async ValueTask DisposeAsync()
    {
        _cursor.Close(); // at once: nothing of it is handed out from here on
        await _closed.CancelAsync().ConfigureAwait(false);
        await _loop.ConfigureAwait(false);
        _signal.Dispose();
        _closed.Dispose();
    }

    // Whatever changed, a fetch for an old version is of no use.
    private void Wake()
    {
        if (Volatile.Read(ref _fetching) is { } fetching && fetching is VersionedCancellation { Version: var version }
            && !_cursor.IsCurrent(version))
        {
            try
            {
                fetching.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // That fetch has just ended by itself.
            }
        }

        _signal.Set();
    }

    private async Task RunAsync()
    {
        while (!_cursor.IsClosed)
        {
            var (start, version) = _cursor.FetchStart;
            using var stop = new VersionedCancellation(version, _closed.Token);
            Volatile.Write(ref _fetching, stop);
            if (!_cursor.IsCurrent(version)) continue;
            try
            {
                await RunVersionAsync(start, stop).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                // Closed, or to be read from elsewhere.
            }
            catch (Exception exception)
            {
                _cursor.Fail(version, exception);
                while (_cursor.IsCurrent(version))
                    await _signal.WaitAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
            }
            finally
            {
                Volatile.Write(ref _fetching, null);
            }

            await Task.Yield(); // whoever ended that version by a cancellation is not to run the next one
        }
    }

    private async Task RunVersionAsync(LogPosition start, VersionedCancellation cancellation)
    {
        var version = cancellation.Version;
        var stop = cancellation.Token;
        var offset = await PersistAsync(() => _core.ResolveAsync(_cursor.Partition, start, stop), stop).ConfigureAwait(false);
        _cursor.Resolved(version, offset);
        Task<FetchResponse>? ahead = null;
        var isFirst = true;
        Task<FetchResponse> NextFetch()
        {
            // The first fetch does not wait, so that it is soon known where the end is.
            var fetch = ahead ?? FetchAsync(offset, isFirst ? 0 : Settings.FetchMaxWaitMs, stop);
            ahead = null;
            return fetch;
        }

        try
        {
            while (_cursor.IsCurrent(version))
            {
                while (ahead is null && !_cursor.HasRoom && _cursor.IsCurrent(version))
                    await _signal.WaitAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
                if (!_cursor.IsCurrent(version)) return;
                FetchResponse response;
                try
                {
                    response = await PersistAsync(NextFetch, stop).ConfigureAwait(false);
                }
                catch (OrleansLogException exception) when (exception.Error == ErrorCode.OffsetOutOfRange)
                {
                    offset = await ResetAsync(offset, exception, version, stop).ConfigureAwait(false);
                    continue;
                }

                isFirst = false;
                var next = NextOffset(response, offset);
                if (next == offset)
                {
                    response.Records.Dispose();
                    // An answer without records before the end says only that the wait was over.
                    if (offset >= EndOf(response)) _cursor.ReachedEnd(version, EndOf(response));
                    continue;
                }

                offset = next;
                if (_cursor.HasRoom) ahead = FetchAsync(offset, Settings.FetchMaxWaitMs, stop);
                Deliver(response, version, reachesEnd: offset >= EndOf(response));
            }
        }
        finally
        {
            if (ahead is not null)
            {
                await cancellation.CancelAsync().ConfigureAwait(false);
                await DiscardAsync(ahead).ConfigureAwait(false);
            }
        }
    }

    private void Deliver(FetchResponse response, int version, bool reachesEnd)
    {
        if (Settings.CheckCrcs) Check(response.Records.Memory);
        _cursor.Add(new FetchedChunk(_cursor, version, response.Records, Settings.ReaderOptions), EndOf(response), reachesEnd);
    }

    private void Check(ReadOnlyMemory<byte> records)
    {
        var rest = records;
        while (RecordBatch.TryReadNext(ref rest, out var batch, out var header))
        {
            if (!RecordBatch.IsCrcValid(batch.Span))
                throw new OrleansLogException(
                    ErrorCode.CorruptMessage,
                    $"The batch of {_cursor.Partition} at offset {header.BaseOffset} does not match its CRC: it was damaged on its way.");
        }
    }

    private long EndOf(FetchResponse response) => Settings.ReadCommitted ? response.LastStableOffset : response.HighWatermark;

    private static long NextOffset(FetchResponse response, long offset)
    {
        if (response.Records.Length == 0) return offset;
        ReadOnlyMemory<byte> rest = response.Records.Memory;
        while (RecordBatch.TryReadNext(ref rest, out _, out var header)) offset = Math.Max(offset, header.NextOffset);
        return offset;
    }

    private Task<FetchResponse> FetchAsync(long offset, int maxWaitMs, CancellationToken stop) => _core.Context
        .AnswerTo(() => _leader.Fetch(
            new FetchRequest(
                offset,
                Settings.FetchBytes(_core.AssignedCount),
                Settings.FetchMinBytes,
                maxWaitMs,
                Settings.ReadCommitted),
            stop))
        .WaitAsync(Settings.RequestTimeout, Time, stop);

    private async Task<long> ResetAsync(long offset, OrleansLogException exception, int version, CancellationToken stop)
    {
        if (Settings.AutoOffsetReset == AutoOffsetReset.None)
            throw new OrleansLogException(
                ErrorCode.OffsetOutOfRange, $"{exception.Message} AutoOffsetReset is None; seek to a position that exists.", exception);
        var position = Settings.AutoOffsetReset == AutoOffsetReset.Earliest ? LogPosition.Beginning : LogPosition.End;
        var found = await PersistAsync(() => _core.ResolveAsync(_cursor.Partition, position, stop), stop).ConfigureAwait(false);
        if (_core.Log.IsEnabled(LogLevel.Warning))
            _core.Log.LogWarning(
                "{Partition}: offset {Offset} is out of range; going on at {Found} ({Policy})",
                _cursor.Partition, offset, found, Settings.AutoOffsetReset);

        // What was fetched before is still good.
        while (!_cursor.TryMove(version, found) && _cursor.IsCurrent(version))
            await _signal.WaitAsync(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
        return found;
    }

    // A consumer outlasts whatever passes: it tries again for as long as nobody stops it.
    private async Task<T> PersistAsync<T>(Func<Task<T>> call, CancellationToken stop)
    {
        var pause = Settings.RetryBackoff;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await call().ConfigureAwait(false);
            }
            catch (Exception exception) when (!stop.IsCancellationRequested)
            {
                if (CallRetry.Classify(exception) == CallFailure.Fatal) throw;
                if (exception is OrleansLogException { Error: ErrorCode.CorruptMessage }) throw;
                if (exception is OrleansLogException { Error: ErrorCode.UnknownTopicOrPartition } && !_core.IsGroupMember
                    && await _core.IsGoneAsync(_cursor.Partition).ConfigureAwait(false)) throw;
                if (_core.Log.IsEnabled(LogLevel.Debug))
                    _core.Log.LogDebug(exception, "{Partition}: a call failed; trying again", _cursor.Partition);
            }

            await Task.Delay(pause, Time, stop).ConfigureAwait(false);
            if (attempt >= QuickRetries && pause < TimeSpan.FromSeconds(2)) pause *= 2;
        }
    }

    private static async Task DiscardAsync(Task<FetchResponse> fetch)
    {
        try
        {
            (await fetch.ConfigureAwait(false)).Records.Dispose();
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // Nobody wants it any more.
        }
    }

    private sealed class VersionedCancellation : CancellationTokenSource
    {
        private readonly CancellationTokenRegistration _registration;

        public VersionedCancellation(int version, CancellationToken parent)
        {
            Version = version;
            _registration = parent.UnsafeRegister(static self => ((CancellationTokenSource)self!).Cancel(), this);
        }

        public int Version { get; }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _registration.Dispose();
            base.Dispose(disposing);
        }
    }
}
