namespace OrleansLog.Engine.Storage;

/// <summary>Bytes of several logs that go into the commit journal together. Used by one thread at a time.</summary>
internal sealed class JournalRound
{
    private const int MaxBytes = 2 * 1024 * 1024;
    private const int MaxHeadBytes = 1024; // of an entry: a topic's name has at most 249 characters
    private readonly List<Part> _parts = [];
    private byte[] _buffer = new byte[256 * 1024];
    private int _length = JournalFormat.RoundHeaderSize;

    /// <summary>A log's part: the log, and its generation when the bytes were about to be read.</summary>
    public readonly record struct Part(JournalLog Log, int Generation, int Start, int Length);

    public IReadOnlyList<Part> Parts => _parts;

    /// <summary>Whether any log's bytes are sure to find room.</summary>
    public bool HasRoom => _length + JournalPace.LargeBytes + MaxHeadBytes <= MaxBytes;

    public void Clear()
    {
        _parts.Clear();
        _length = JournalFormat.RoundHeaderSize;
    }

    /// <summary>Makes room for bytes of a log's segment, which the caller reads into <paramref name="batches"/>; false when there is none.</summary>
    public bool TryAdd(JournalLog log, int generation, long segmentBaseOffset, int position, int bytes, out Span<byte> batches)
    {
        batches = default;
        var size = JournalFormat.SizeOf(log, bytes);
        if (bytes > JournalPace.LargeBytes || _length + size > MaxBytes) return false;
        if (_length + size > _buffer.Length) Array.Resize(ref _buffer, Math.Min(MaxBytes, Math.Max(_buffer.Length * 2, _length + size)));
        batches = JournalFormat.WriteEntry(
            _buffer.AsSpan(_length, size), JournalEntryKind.Batches, log, segmentBaseOffset, position, bytes);
        _parts.Add(new Part(log, generation, _length, size));
        _length += size;
        return true;
    }

    /// <summary>Takes back what was added last.</summary>
    public void RemoveLast()
    {
        _length = _parts[^1].Start;
        _parts.RemoveAt(_parts.Count - 1);
    }

    /// <summary>Leaves out the parts that do not satisfy the condition.</summary>
    public void Keep(Func<Part, bool> condition)
    {
        var length = JournalFormat.RoundHeaderSize;
        var kept = 0;
        foreach (var part in _parts.ToArray())
        {
            if (!condition(part)) continue;
            _buffer.AsSpan(part.Start, part.Length).CopyTo(_buffer.AsSpan(length));
            _parts[kept++] = part with { Start = length };
            length += part.Length;
        }

        _parts.RemoveRange(kept, _parts.Count - kept);
        _length = length;
    }

    /// <summary>The round as it goes to the disk, under that number; padded with whatever the buffer held before.</summary>
    public ReadOnlySpan<byte> Complete(long number)
    {
        var padded = JournalFormat.Padded(_length);
        if (padded > _buffer.Length) Array.Resize(ref _buffer, padded);
        JournalFormat.WriteRoundHeader(_buffer.AsSpan(0, _length), number);
        return _buffer.AsSpan(0, padded);
    }
}
