namespace OrleansLog.Engine.Storage;

/// <summary>
/// Keeps the number of open files bounded, whatever the number of segments: beyond the bound, those of closed segments that were
/// opened longest ago are closed when nobody reads them. Thread-safe.
/// </summary>
internal sealed class SegmentFileCache(int maxOpen)
{
    private readonly Lock _gate = new();
    private readonly Queue<LogSegment> _open = new();

    /// <summary>Notes that the file of a segment that is not appended to is open.</summary>
    public void Touch(LogSegment segment)
    {
        // Read without the lock: at worst a file is noted with a later read.
        if (segment.IsTracked) return;
        lock (_gate)
        {
            if (segment.IsTracked) return;
            segment.IsTracked = true;
            _open.Enqueue(segment);
            for (var left = _open.Count; _open.Count > maxOpen && left > 0; left--) CloseOldest();
        }
    }

    private void CloseOldest()
    {
        var oldest = _open.Dequeue();
        // Before it is closed: who opens it again notes it again.
        oldest.IsTracked = false;
        if (oldest.IsRetired || oldest.TryCloseIdle()) return;
        oldest.IsTracked = true;
        _open.Enqueue(oldest);
    }
}
