using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <content>Keeping the indexes, under the log's append lock except where it says otherwise.</content>
public sealed partial class LogSegment
{
    // The batch that was noted last, since the indexes were begun or resumed.
    private OffsetIndexEntry? _lastNoted;

    /// <summary>Notes a batch that was written at the position, in the indexes too when one is due.</summary>
    internal void Note(in RecordBatchHeader header, int position, int indexIntervalBytes)
    {
        if (_firstTimestamp == long.MinValue) _firstTimestamp = header.MaxTimestamp;
        _lastNoted = new OffsetIndexEntry((int)(header.LastOffset - BaseOffset), position);
        if (header.MaxTimestamp > _runningLargest.TimestampMs)
        {
            _runningLargest = new TimestampOffset(header.MaxTimestamp, header.LastOffset);
            if (!_isRebuilding) SetLargestTimestamp(_runningLargest);
        }

        if (_bytesSinceIndexEntry > indexIntervalBytes)
        {
            Offsets.Add(new OffsetIndexEntry((int)(header.LastOffset - BaseOffset), position));
            Times.AddIfLater(_runningLargest.TimestampMs, _runningLargest.Offset);
            _bytesSinceIndexEntry = 0;
        }

        // Saturates: after a resume it is already past every interval.
        _bytesSinceIndexEntry = (int)Math.Min(_bytesSinceIndexEntry + header.SizeInBytes, int.MaxValue);
    }

    /// <summary>
    /// Starts the indexes afresh; what follows until <see cref="EndRebuild"/> is noted batch by batch from the start of the file.
    /// </summary>
    internal void BeginRebuild()
    {
        _isRebuilding = true;
        _lastNoted = null;
        _runningLargest = TimestampOffset.None;
        _bytesSinceIndexEntry = 0;
        Offsets.Reset();
        Times.Reset();
    }

    /// <summary>Only now is the greatest timestamp known again.</summary>
    internal void EndRebuild()
    {
        _isRebuilding = false;
        SetLargestTimestamp(_runningLargest);
    }

    /// <summary>Goes on noting batches behind what the indexes hold, with what is known of the segment before that point.</summary>
    internal void ResumeNoting(TimestampOffset largest, int bytesSinceIndexEntry)
    {
        _lastNoted = null;
        _runningLargest = largest;
        _bytesSinceIndexEntry = bytesSinceIndexEntry;
        SetLargestTimestamp(largest);
    }

    /// <summary>
    /// Makes the indexes anew from the log, unless somebody did since <paramref name="seenVersion"/>. With a lease held. Appends wait
    /// meanwhile, because the segment may be the active one, or become it by a truncation.
    /// </summary>
    internal void RepairIndexes(int seenVersion, int intervalBytes = SegmentIndexer.DefaultIntervalBytes)
    {
        lock (_writerLock)
        {
            if (_indexVersion != seenVersion) return;
            // Its names may be another segment's by now.
            if (IsRetired) throw new OrleansLogException(ErrorCode.OffsetNotAvailable, $"Segment '{LogPath}' is gone.");
            SegmentIndexer.Rebuild(this, LimitOffset, intervalBytes, seal: !Offsets.IsOpen);
            Volatile.Write(ref _indexVersion, seenVersion + 1);
        }
    }

    private void SetLargestTimestamp(TimestampOffset largest)
    {
        lock (_gate) _largest = largest;
    }

    /// <summary>Whether an index has no room for another batch's entries.</summary>
    internal bool AreIndexesFull(int maxIndexBytes) =>
        Offsets.SizeInBytes + OffsetIndex.BytesPerEntry > maxIndexBytes || Times.SizeInBytes + (2 * TimeIndex.BytesPerEntry) > maxIndexBytes;

    /// <summary>Adds what the indexes of a segment that is not appended to any more end with.</summary>
    internal void CompleteIndexes()
    {
        // Kafka, too, ends the time index of a closed segment with its greatest timestamp.
        if (Times.IsOpen) Times.AddIfLater(_runningLargest.TimestampMs, _runningLargest.Offset);
        // With its last batch the offset index tells where the segment ended, should its file be cut between two batches.
        if (Offsets.IsOpen && _lastNoted is { } last && last.Position < SizeInBytes) Offsets.AddIfLater(last);
    }

    /// <summary>Writes what the index files lack, durably.</summary>
    internal void PersistIndexes()
    {
        Offsets.Persist();
        Times.Persist();
    }

    /// <summary>Lets go of the memory of indexes that were persisted, as far as it is needed elsewhere.</summary>
    internal void ReleaseIndexes()
    {
        Offsets.Release();
        Times.Release();
    }

    /// <summary>Completes, persists and releases the indexes.</summary>
    internal void SealIndexes()
    {
        CompleteIndexes();
        PersistIndexes();
        ReleaseIndexes();
    }
}
