namespace OrleansLog.Engine.Storage;

/// <summary>
/// A sparse index of a segment: entries of a fixed size in ascending order, in memory while the segment is active, otherwise
/// read from the file when asked for and given back to the garbage collector. What is in memory is ahead of the file until
/// <see cref="Persist"/>; a file that is missing, short or senseless is no index, and the segment makes a new one.
/// Threads: one writer at a time (the log's append lock); lookups from any thread without a lock.
/// </summary>
internal abstract class SegmentIndex<T>(IFileSystem fileSystem, string directory, long baseOffset, string suffix) where T : struct
{
    private readonly Lock _gate = new();
    private AppendOnlyList<T>? _entries;
    private WeakReference<AppendOnlyList<T>>? _cached;
    private int _persisted;

    public string FilePath => LogFileNames.PathOf(directory, baseOffset, suffix);

    protected long BaseOffset => baseOffset;

    protected abstract int EntrySize { get; }

    /// <summary>Number of entries, which ascend by <paramref name="key"/>, whose key is at most <paramref name="value"/>.</summary>
    protected static int CountUpTo(ReadOnlySpan<T> entries, long value, Func<T, long> key)
    {
        int low = 0, high = entries.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (key(entries[middle]) <= value) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    /// <summary>Whether the index is held in memory to be added to.</summary>
    public bool IsOpen => Volatile.Read(ref _entries) is not null;

    /// <summary>Entries of the index in memory; only for a segment that is written.</summary>
    public int Count => _entries?.Count ?? 0;

    public int SizeInBytes => Count * EntrySize;

    protected abstract T Decode(ReadOnlySpan<byte> source);

    protected abstract void Encode(in T entry, Span<byte> target);

    /// <summary>Whether the entry makes sense after the previous one, in a log of <paramref name="logSize"/> bytes.</summary>
    protected abstract bool MayFollow(in T previous, in T entry, bool isFirst, int logSize);

    /// <summary>Whether the entry points behind the end of a log of <paramref name="logSize"/> bytes.</summary>
    protected virtual bool IsBehind(in T entry, int logSize) => false;

    /// <summary>Starts an empty index; the file is replaced by the next <see cref="Persist"/>.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _persisted = -1;
            _cached = null;
            Volatile.Write(ref _entries, new AppendOnlyList<T>());
        }
    }

    /// <summary>Reads the file and keeps its entries in memory, to be added to; false when it is no valid index.</summary>
    public bool TryOpenForAppend(int logSize)
    {
        lock (_gate)
        {
            if (_entries is not null) return true;
            var loaded = Load(logSize, isClosed: false);
            if (loaded is null) return false;
            _persisted = loaded.Count;
            Volatile.Write(ref _entries, loaded);
            return true;
        }
    }

    /// <summary>The entries, from memory or from the file; false when the file is no valid index.</summary>
    public bool TryGet(int logSize, out ReadOnlySpan<T> entries)
    {
        var list = Volatile.Read(ref _entries) ?? Cached(logSize);
        entries = list is null ? default : list.Entries;
        return list is not null;
    }

    public void Add(in T entry) => (_entries ?? throw new InvalidOperationException("The index is not open for appends.")).Add(entry);

    /// <summary>The last entry of an index that is open for appends and not empty.</summary>
    protected T Last => _entries!.Entries[^1];

    /// <summary>Reads the bytes of the file's last entry; false when it has none.</summary>
    protected bool TryReadLast(Span<byte> entry)
    {
        try
        {
            using var file = fileSystem.OpenFile(FilePath, FileOpenMode.Read);
            var length = file.Length;
            return length >= EntrySize && length % EntrySize == 0 && file.Read(entry, length - EntrySize) == EntrySize;
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Keeps the first <paramref name="count"/> entries, of an index open for appends.</summary>
    public void TruncateToCount(int count)
    {
        lock (_gate)
        {
            var entries = _entries!.Entries;
            if (count >= entries.Length) return;
            // Readers keep the old list; the new one starts from a copy, because published entries never change.
            Volatile.Write(ref _entries, new AppendOnlyList<T>(entries[..count].ToArray()));
            _persisted = -1;
        }
    }

    /// <summary>Writes what the file lacks and makes it durable.</summary>
    public void Persist()
    {
        lock (_gate)
        {
            if (_entries is null) return;
            var entries = _entries.Entries;
            if (entries.Length == _persisted) return;
            var from = Math.Max(0, _persisted);
            var bytes = new byte[(entries.Length - from) * EntrySize];
            for (var i = from; i < entries.Length; i++) Encode(entries[i], bytes.AsSpan((i - from) * EntrySize));
            using var file = fileSystem.OpenFile(FilePath, FileOpenMode.OpenOrCreate);
            file.Write(bytes, (long)from * EntrySize);
            file.SetLength((long)entries.Length * EntrySize);
            file.Flush();
            _persisted = entries.Length;
        }
    }

    /// <summary>From now on the entries, persisted before, are held only as long as memory is not short.</summary>
    public void Release()
    {
        lock (_gate)
        {
            if (_entries is not { } entries || entries.Count != _persisted) return;
            if (entries.Count > 0) _cached = new WeakReference<AppendOnlyList<T>>(entries);
            Volatile.Write(ref _entries, null);
        }
    }

    private AppendOnlyList<T>? Cached(int logSize)
    {
        lock (_gate)
        {
            if (_entries is not null) return _entries;
            if (_cached is not null && _cached.TryGetTarget(out var cached)) return cached;
            var loaded = Load(logSize, isClosed: true);
            _cached = loaded is null ? null : new WeakReference<AppendOnlyList<T>>(loaded);
            return loaded;
        }
    }

    // Entries behind the end of a closed segment are left where they are: they say that it was cut (see LogLoader).
    private AppendOnlyList<T>? Load(int logSize, bool isClosed)
    {
        byte[] bytes;
        try
        {
            bytes = fileSystem.ReadAllBytes(FilePath);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            // Or gone with its segment, just now: whoever makes another finds that out.
            return null;
        }

        if (bytes.Length % EntrySize != 0) return null;
        var entries = new T[bytes.Length / EntrySize];
        var previous = default(T);
        for (var i = 0; i < entries.Length; i++)
        {
            var source = bytes.AsSpan(i * EntrySize);
            entries[i] = Decode(source);
            if (!MayFollow(previous, entries[i], i == 0, logSize))
            {
                // Kafka leaves zeros behind the entries of an index that it had no time to trim.
                var isTail = !source.ContainsAnyExcept((byte)0) || (isClosed && IsBehind(entries[i], logSize));
                return isTail ? new AppendOnlyList<T>(entries[..i]) : null;
            }

            previous = entries[i];
        }

        return new AppendOnlyList<T>(entries);
    }
}
