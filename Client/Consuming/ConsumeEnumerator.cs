using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// One enumeration of a consumer's records. It holds the consumer's reading right from its first record on. A record that is
/// there already costs no task and no lock.
/// </summary>
internal sealed class ConsumeEnumerator<TKey, TValue>(
    Consumer<TKey, TValue> consumer, ConsumerCore core, CancellationToken cancellationToken)
    : IAsyncEnumerator<ConsumerRecord<TKey, TValue>>
{
    private readonly RecordSerializer<TKey> _keys = consumer.KeyDeserializer;
    private readonly RecordSerializer<TValue> _values = consumer.ValueDeserializer;
    private readonly ReadingRight _right = core.Right;
    private ConsumerRecord<TKey, TValue> _current;
    private FetchedChunk? _chunk;
    private RecordBatchReader? _reader;
    private PartitionCursor? _cursor;
    private string _topic = "";
    private int _partition;
    private long _next;
    private bool _started;
    private bool _disposed;

    public ConsumerRecord<TKey, TValue> Current => _current;

    public ValueTask<bool> MoveNextAsync()
    {
        if (_cursor is { } cursor)
        {
            // Who asks for the next record has done with the last.
            cursor.Processed = _next;
            if (!_right.HasCommands && !cancellationToken.IsCancellationRequested && TryRead(cursor)) return new ValueTask<bool>(true);
        }

        return MoveNextSlowAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        Drop();
        if (!_started) return;
        consumer.IsInBody = false;
        await _right.ReleaseAsync().ConfigureAwait(false);
        consumer.EndEnumeration();
    }

    private bool TryRead(PartitionCursor cursor)
    {
        var reader = _reader!;
        while (reader.MoveNext())
        {
            ref readonly var record = ref reader.Current;
            var offset = record.Offset;
            if (offset < _next) continue; // a batch may begin before the offset wanted
            var headers = record.Headers;
            try
            {
                _current = new ConsumerRecord<TKey, TValue>(
                    _topic,
                    _partition,
                    offset,
                    record.TimestampMs,
                    _keys.Deserialize(record.Key, !record.HasKey),
                    _values.Deserialize(record.Value, !record.HasValue),
                    headers.Count == 0 ? [] : Copy(headers));
            }
            catch (Exception exception)
            {
                throw Unreadable(cursor, offset, exception);
            }

            _next = offset + 1;
            cursor.Position = _next;
            return true;
        }

        return false;
    }

    private async ValueTask<bool> MoveNextSlowAsync()
    {
        consumer.IsInBody = false;
        if (!_started)
        {
            consumer.BeginEnumeration();
            try
            {
                await _right.AcquireAsync(cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                consumer.EndEnumeration();
                throw;
            }

            _started = true;
        }

        while (true)
        {
            if (_right.HasCommands)
            {
                await _right.CarryOutAsync().ConfigureAwait(false);
                if (_chunk is not null && (!_cursor!.IsCurrent(_chunk.Version) || _cursor.IsPaused)) Drop();
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (core.IsDisposed)
            {
                Drop();
                return false;
            }

            if (TryReadAhead())
            {
                consumer.IsInBody = true;
                return true;
            }

            if (core.Settings.StopAtEnd && core.IsAtEnd && !_right.HasCommands) return false;
            await core.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    // Goes through chunks and their batches until there is a record.
    private bool TryReadAhead()
    {
        while (true)
        {
            if (_chunk is null)
            {
                if (core.TakeChunk() is not { } chunk) return false;
                _chunk = chunk;
                _cursor = chunk.Cursor;
                (_topic, _partition) = _cursor.Partition;
                _next = _cursor.Position;
                _reader = chunk.Reader;
            }

            if (_chunk.IsOpen)
            {
                if (TryRead(_cursor!)) return true;
                Pass(_chunk.BatchEnd);
            }

            if (_chunk.TryOpenBatch(_next, out var end))
            {
                Pass(end);
                continue;
            }

            Pass(end);
            var done = _chunk;
            var cursor = _cursor!;
            Drop();
            cursor.ReleaseChunk(done);
        }
    }

    // Offsets that hold no record for the application: removed by compaction, or markers.
    private void Pass(long end)
    {
        if (end <= _next) return;
        _next = end;
        _cursor!.Position = end;
        _cursor.Processed = end;
    }

    // The chunk stays the cursor's, and is gone on with by whoever reads next.
    private void Drop()
    {
        _chunk = null;
        _cursor = null;
        _reader = null;
    }

    private OrleansLogException Unreadable(PartitionCursor cursor, long offset, Exception exception)
    {
        // The next enumeration comes upon the same record, unless the application seeks past it.
        cursor.Restart(LogPosition.At(offset));
        Drop();
        return new OrleansLogException(
            (exception as OrleansLogException)?.Error ?? ErrorCode.InvalidRecord,
            $"The record of {cursor.Partition} at offset {offset} cannot be read: {exception.Message} Seek past it to go on.",
            exception);
    }

    private static RecordHeader[] Copy(RecordHeaders headers)
    {
        var copy = new RecordHeader[headers.Count];
        var i = 0;
        foreach (var header in headers) copy[i++] = new RecordHeader(header.Key, header.Value.ToArray(), header.HasValue);
        return copy;
    }
}
