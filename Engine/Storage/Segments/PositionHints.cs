namespace OrleansLog.Engine.Storage;

/// <summary>
/// Where the last few reads of a segment ended, so that a reader who goes on there needs no index. A hint is checked against
/// the batch found at its position, so a stale one costs a read and no more. Any thread, no lock.
/// </summary>
internal sealed class PositionHints
{
    private const int Capacity = 4;
    private long[]? _hints;
    private int _next;

    /// <summary>Position at which the batch that starts with the offset is expected; -1 for none.</summary>
    public int Find(int relativeOffset)
    {
        var hints = Volatile.Read(ref _hints);
        if (hints is null) return -1;
        for (var i = 0; i < Capacity; i++)
        {
            var hint = Volatile.Read(ref hints[i]);
            if ((int)(hint >>> 32) == relativeOffset && hint != 0) return (int)hint;
        }

        return -1;
    }

    /// <summary>Remembers that the batch that starts with the offset is at the position.</summary>
    public void Add(int relativeOffset, int position)
    {
        var hints = Volatile.Read(ref _hints);
        if (hints is null) Volatile.Write(ref _hints, hints = new long[Capacity]);
        // Offset and position in one word, so that they are never mixed up.
        Volatile.Write(ref hints[(uint)Interlocked.Increment(ref _next) % Capacity], ((long)relativeOffset << 32) | (uint)position);
    }

    /// <summary>Replaces the hint that a sequential reader used by the one that it will use next.</summary>
    public void Advance(int relativeOffset, int nextRelativeOffset, int position)
    {
        var hints = Volatile.Read(ref _hints);
        for (var i = 0; hints is not null && i < Capacity; i++)
        {
            if ((int)(Volatile.Read(ref hints[i]) >>> 32) != relativeOffset) continue;
            Volatile.Write(ref hints[i], ((long)nextRelativeOffset << 32) | (uint)position);
            return;
        }

        Add(nextRelativeOffset, position);
    }

    public void Clear() => Volatile.Write(ref _hints, null);
}
