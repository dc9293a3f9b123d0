using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

public sealed partial class PartitionLog
{
    private const int ReadAttempts = 16;

    /// <summary>
    /// Reads whole batches from the one that holds <paramref name="offset"/> on, without a lock, into pooled memory that the
    /// caller disposes of. Every CRC is checked. A read ends at the end of a segment; nothing is read at the end of the log.
    /// </summary>
    /// <param name="offset">First offset wanted, from <see cref="LogStartOffset"/> to <see cref="LogEndOffset"/>.</param>
    /// <param name="maxBytes">Most bytes to read, except that one whole batch is always read.</param>
    /// <param name="upToOffset">Batches that end after this offset (exclusive; the high watermark, say) are not read.</param>
    /// <exception cref="OrleansLogException">The offset lies outside the log (<see cref="ErrorCode.OffsetOutOfRange"/>) or in a
    /// damaged region (<see cref="ErrorCode.CorruptMessage"/>, naming file, position and the offset to go on with), the disk
    /// failed (<see cref="ErrorCode.KafkaStorageError"/>), or the log is closed (<see cref="ErrorCode.NotLeaderOrFollower"/>).</exception>
    public LogRead Read(long offset, int maxBytes, long upToOffset = long.MaxValue)
    {
        for (var attempt = 0; attempt < ReadAttempts; attempt++)
        {
            if (Volatile.Read(ref _closed)) throw Closed();
            var truncations = Volatile.Read(ref _truncations);
            var endOffset = LogEndOffset;
            if (offset < LogStartOffset || offset > endOffset) throw OutOfRange(offset);
            upToOffset = Math.Min(upToOffset, endOffset);
            if (offset >= upToOffset) return LogRead.Empty(offset);
            var segments = Volatile.Read(ref _segments);
            var read = TryRead(segments, offset, maxBytes, upToOffset, out var damage, out var mustRetry);
            if (mustRetry) continue;
            if (damage is null) return read ?? LogRead.Empty(offset);
            // A truncation that ran under the read looks like damage.
            if (Volatile.Read(ref _truncations) == truncations && ReferenceEquals(Volatile.Read(ref _segments)[0], segments[0]))
                throw Corrupt(offset, damage);
        }

        throw new OrleansLogException(
            ErrorCode.OffsetNotAvailable, $"Offset {offset} of {Partition} could not be read while the log was changing; retry.");
    }

    /// <summary>
    /// The first record whose timestamp is at least <paramref name="timestampMs"/>, below the bound; null when there is none.
    /// </summary>
    /// <param name="timestampMs">Milliseconds since the Unix epoch.</param>
    /// <param name="upToOffset">Answers the bound (exclusive; the high watermark, say), asked again when the log changed meanwhile;
    /// null for the end of the log.</param>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.KafkaStorageError"/>.</exception>
    public TimestampOffset? LookupByTimestamp(long timestampMs, Func<long>? upToOffset = null) =>
        OverSegments(upToOffset, (segments, bound) => Find(segments, timestampMs, LogStartOffset, bound));

    /// <summary>
    /// The record with the greatest timestamp (the first of those that have it) below the bound, which is that of
    /// <see cref="LookupByTimestamp"/>; null when there is no record.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.KafkaStorageError"/>.</exception>
    public TimestampOffset? MaxTimestamp(Func<long>? upToOffset = null) => OverSegments(upToOffset, (segments, bound) =>
    {
        var start = LogStartOffset;
        return FindLargest(mayBelieve: true, out var isNothing) ?? (isNothing ? null : FindLargest(mayBelieve: false, out _));

        // What was noted may be the timestamp of a batch that is damaged by now: then the batches are read.
        TimestampOffset? FindLargest(bool mayBelieve, out bool isNothing)
        {
            var largest = TimestampOffset.None;
            foreach (var segment in segments)
            {
                if (segment.BaseOffset >= bound) break;
                var candidate = Leased(segment, leased => mayBelieve
                    ? SegmentTimes.LargestWithin(leased, start, bound)
                    : SegmentTimes.ScanLargest(leased, start, bound));
                if (candidate.TimestampMs > largest.TimestampMs) largest = candidate;
            }

            isNothing = largest.TimestampMs < 0;
            return isNothing ? null : Find(segments, largest.TimestampMs, start, bound);
        }
    });

    private TimestampOffset? Find(LogSegment[] segments, long timestampMs, long start, long bound)
    {
        foreach (var segment in segments)
        {
            if (segment.BaseOffset >= bound) break;
            var found = Leased(segment, leased => leased.LargestTimestamp().TimestampMs < timestampMs
                ? null : SegmentTimes.Find(leased, timestampMs, start, bound));
            if (found is not null) return found;
        }

        return null;
    }

    // Begins again when a segment was deleted or replaced on the way. The bound is one of the very segments that are searched:
    // compaction drops a record for the sake of a later one, which an older bound would hide as well.
    private T OverSegments<T>(Func<long>? upToOffset, Func<LogSegment[], long, T> search)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                var segments = Volatile.Read(ref _segments);
                var bound = Math.Min(upToOffset?.Invoke() ?? long.MaxValue, LogEndOffset);
                if (ReferenceEquals(segments, Volatile.Read(ref _segments)) || attempt == ReadAttempts) return search(segments, bound);
            }
            catch (OrleansLogException gone) when (gone.Error == ErrorCode.OffsetNotAvailable && attempt < ReadAttempts)
            {
            }
        }
    }

    private T Leased<T>(LogSegment segment, Func<LogSegment, T> action)
    {
        if (!segment.TryAcquire()) throw new OrleansLogException(ErrorCode.OffsetNotAvailable, $"Segment '{segment.LogPath}' is gone; retry.");
        try
        {
            return action(segment);
        }
        catch (FileNotFoundException)
        {
            throw Corrupt(segment.BaseOffset, segment.AllMissing);
        }
        finally
        {
            segment.Release();
            _openFiles.Touch(segment);
        }
    }

    private LogRead? TryRead(
        LogSegment[] segments, long offset, int maxBytes, long upToOffset, out CorruptRegion? damage, out bool mustRetry)
    {
        damage = null;
        mustRetry = false;
        for (var i = FloorOf(segments, offset); i < segments.Length; i++)
        {
            var segment = segments[i];
            // Behind a gap that compaction left, the next segment goes on.
            var from = Math.Max(offset, segment.BaseOffset);
            if (from >= upToOffset) break;
            if (!segment.TryAcquire())
            {
                mustRetry = true;
                return null;
            }

            try
            {
                var read = SegmentReader.Read(segment, from, maxBytes, upToOffset, out damage);
                if (segment.LimitOffset != long.MaxValue) _openFiles.Touch(segment);
                if (read is not null || damage is not null) return read;
                if (from < segment.LimitOffset && MissingAt(from) is { } missing)
                {
                    damage = missing;
                    return null;
                }
            }
            catch (OrleansLogException gone) when (gone.Error == ErrorCode.OffsetNotAvailable)
            {
                mustRetry = true;
                return null;
            }
            catch (FileNotFoundException)
            {
                damage = segment.AllMissing;
                return null;
            }
            finally
            {
                segment.Release();
            }
        }

        return null;
    }

    // Where a file was cut between two batches, there is nothing to be read that could be wrong.
    private CorruptRegion? MissingAt(long offset)
    {
        lock (_corruptRegions)
            return _corruptRegions.Find(region => region.Length == 0 && region.FirstOffset <= offset && offset < region.NextOffset);
    }

    private static int FloorOf(LogSegment[] segments, long offset)
    {
        int low = 0, high = segments.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (segments[middle].BaseOffset <= offset) low = middle + 1;
            else high = middle;
        }

        return Math.Max(0, low - 1);
    }

    private OrleansLogException OutOfRange(long offset) => new(
        ErrorCode.OffsetOutOfRange,
        $"Offset {offset} lies outside {Partition}, which goes from {LogStartOffset} to {LogEndOffset}.");

    private OrleansLogException Corrupt(long offset, CorruptRegion damage)
    {
        if (damage.NextOffset > LogEndOffset) damage = damage with { NextOffset = LogEndOffset };
        lock (_corruptRegions)
        {
            var known = _corruptRegions.Exists(region => region.File == damage.File && region.Position == damage.Position);
            // A bound: a log with more damage than that needs no longer list.
            if (!known && _corruptRegions.Count < 1000)
            {
                _corruptRegions.Add(damage);
                _logger.LogError("The log of {Partition} is damaged: {Damage}.", Partition, damage);
            }
        }

        return new OrleansLogException(
            ErrorCode.CorruptMessage,
            $"Offset {offset} of {Partition} cannot be read, its bytes are damaged: {damage}. Reading can go on at offset {damage.NextOffset}.");
    }
}
