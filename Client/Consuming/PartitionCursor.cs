using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// An assigned partition: where it is to be read, and what was fetched ahead of that. Positions are written only by who holds
/// the consumer's reading right (see <see cref="ConsumerCore"/>); anybody may read them. Chunks go from the fetcher to the reader
/// under a lock, a chunk at a time.
/// </summary>
internal sealed class PartitionCursor(TopicPartition partition, LogPosition start, Action changed)
{
    private readonly Lock _gate = new();
    private readonly Queue<FetchedChunk> _chunks = new();
    private LogPosition _start = start;
    private FetchedChunk? _current;
    private Exception? _failure;
    private long _position = start.TryGetOffset(out var offset) ? offset : -1;
    private long _processed = -1;
    private long _highWatermark = -1;
    private int _version;
    private bool _atEnd;
    private bool _closed;

    public TopicPartition Partition => partition;

    /// <summary>Wakes the fetcher; set by it.</summary>
    public Action? WakeFetcher { get; set; }

    /// <summary>Whether records are not to be handed out at present.</summary>
    public bool IsPaused { get; set; }

    /// <summary>The offset of the next record to be handed out; -1 when it is not known yet.</summary>
    public long Position
    {
        get => Volatile.Read(ref _position);
        set => Volatile.Write(ref _position, value);
    }

    /// <summary>The offset after the last record that the application has done with; -1 when there was none.</summary>
    public long Processed
    {
        get => Volatile.Read(ref _processed);
        set => Volatile.Write(ref _processed, value);
    }

    /// <summary>The offset that was committed last; -1 for none. Guarded by the committer.</summary>
    public long Committed { get; set; } = -1;

    /// <summary>The high watermark as the last fetch saw it; -1 before the first.</summary>
    public long HighWatermark => Volatile.Read(ref _highWatermark);

    /// <summary>Where fetching is to start, and for which version of the cursor.</summary>
    public (LogPosition Start, int Version) FetchStart
    {
        get
        {
            lock (_gate) return (_start, _version);
        }
    }

    public bool IsClosed => Volatile.Read(ref _closed);

    public bool IsCurrent(int version) => Volatile.Read(ref _version) == version && !Volatile.Read(ref _closed);

    /// <summary>Whether another chunk may be fetched.</summary>
    public bool HasRoom
    {
        get
        {
            lock (_gate) return _chunks.Count + (_current is null ? 0 : 1) < ConsumerSettings.ChunksPerPartition - 1;
        }
    }

    /// <summary>Whether everything up to the high watermark has been handed out, and no error is waiting.</summary>
    public bool IsAtEnd
    {
        get
        {
            lock (_gate) return _atEnd && _chunks.Count == 0 && _current is null && _failure is null;
        }
    }

    /// <summary>Starts anew elsewhere; what was fetched is dropped.</summary>
    public void Restart(LogPosition at)
    {
        lock (_gate)
        {
            _start = at;
            _version++;
            _atEnd = false;
            _failure = null;
            Position = at.TryGetOffset(out var known) ? known : -1;
            Processed = -1;
            DropChunks();
        }

        WakeFetcher?.Invoke();
    }

    public void Close()
    {
        lock (_gate)
        {
            Volatile.Write(ref _closed, true);
            _current = null; // it may be being read, so its memory is left to the garbage collector
            DropChunks();
        }

        WakeFetcher?.Invoke();
    }

    /// <summary>Called by the fetcher when it knows where it starts.</summary>
    public void Resolved(int version, long at)
    {
        lock (_gate)
        {
            if (_version == version && Position < 0) Position = at;
        }
    }

    /// <summary>
    /// Called by the fetcher when it goes on elsewhere by itself; false while there are chunks from before, which are read first.
    /// </summary>
    public bool TryMove(int version, long to)
    {
        lock (_gate)
        {
            if (_version != version || _chunks.Count > 0 || _current is not null) return false;
            Position = to;
            return true;
        }
    }

    /// <summary>Called by the fetcher with what it brought.</summary>
    public void Add(FetchedChunk chunk, long highWatermark, bool reachesEnd)
    {
        lock (_gate)
        {
            if (!IsCurrent(chunk.Version))
            {
                chunk.Dispose();
                return;
            }

            _atEnd = reachesEnd;
            Volatile.Write(ref _highWatermark, highWatermark);
            _chunks.Enqueue(chunk);
        }

        changed();
    }

    /// <summary>Called by the fetcher when it found nothing.</summary>
    public void ReachedEnd(int version, long highWatermark)
    {
        lock (_gate)
        {
            if (!IsCurrent(version)) return;
            Volatile.Write(ref _highWatermark, highWatermark);
            if (_atEnd) return;
            _atEnd = true;
        }

        changed();
    }

    /// <summary>Called by the fetcher when it cannot go on; the reader throws it, once.</summary>
    public void Fail(int version, Exception failure)
    {
        lock (_gate)
        {
            if (!IsCurrent(version)) return;
            _failure = failure;
        }

        changed();
    }

    /// <summary>The chunk to read now; null when there is none or the partition is paused.</summary>
    /// <exception cref="Exception">Why the fetcher cannot go on, after all chunks before that.</exception>
    public FetchedChunk? TakeChunk()
    {
        lock (_gate)
        {
            if (_closed || IsPaused) return null;
            if (_current is not null) return _current;
            if (_chunks.TryDequeue(out _current)) return _current;
            if (_failure is null) return null;
            var failure = _failure;
            _failure = null;
            throw failure;
        }
    }

    /// <summary>Notes that the chunk taken last has been read.</summary>
    public void ReleaseChunk(FetchedChunk chunk)
    {
        lock (_gate)
        {
            if (!ReferenceEquals(_current, chunk)) return; // dropped meanwhile
            _current = null;
            chunk.Dispose();
        }

        WakeFetcher?.Invoke();
    }

    private void DropChunks()
    {
        _current?.Dispose();
        _current = null;
        while (_chunks.TryDequeue(out var chunk)) chunk.Dispose();
    }
}
