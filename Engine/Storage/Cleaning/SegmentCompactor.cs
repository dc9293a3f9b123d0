using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// One pass of compaction over one log: first the keys of the dirty part are read into a map of bounded size, then every segment
/// up to where the map ends is written anew without the records that the map knows a later one for. A tombstone stays until its
/// batch's delete horizon, which is set by the first pass that meets it. One thread.
/// </summary>
internal sealed class SegmentCompactor : IDisposable
{
    private readonly CompactionPlan _plan;
    private readonly IFileSystem _fileSystem;
    private readonly long _nowMs;
    private readonly LogConfig _config;
    private readonly KeyOffsetMap _map;
    private readonly Dictionary<long, long> _lastOffsetsOfProducers;
    private readonly RecordBatchFilter _filter;
    private readonly RecordBatchReader _reader;
    private readonly RecordFilter _keep;
    private bool _isPastHorizon;
    private long _kept, _removed, _bytesBefore, _bytesAfter;

    public SegmentCompactor(CompactionPlan plan, IFileSystem fileSystem, long nowMs, LogCleanerOptions options)
    {
        _plan = plan;
        _fileSystem = fileSystem;
        _nowMs = nowMs;
        _config = plan.Log.Config;
        // There are no more keys than offsets; a small log needs no large map.
        var offsets = plan.FirstUncleanableOffset - plan.FirstDirtyOffset;
        _map = new KeyOffsetMap((int)Math.Clamp(offsets, 1, KeyOffsetMap.KeysIn(options.MapBytes)));
        _lastOffsetsOfProducers = plan.Log.LastOffsetsOfProducers();
        _filter = new RecordBatchFilter(options.MaxDecompressedBytes);
        _reader = new RecordBatchReader(new RecordBatchReaderOptions
        {
            MaxDecompressedBytes = options.MaxDecompressedBytes,
            UsePooledMemory = true,
        });
        _keep = Keep;
    }

    /// <summary>Runs the pass; every swap in it is durable when it returns, and after a crash in it the next pass does it again.</summary>
    /// <exception cref="OrleansLogException">A batch is damaged (<see cref="ErrorCode.CorruptMessage"/>): then nothing more is
    /// touched. Or the log changed, is offline or closed.</exception>
    public CompactionReport Run(CancellationToken cancellationToken)
    {
        var endOffset = ReadKeys(cancellationToken);
        foreach (var group in _plan.Groups(endOffset, _config.SegmentBytes)) Compact(group, endOffset, cancellationToken);
        return new CompactionReport(
            _plan.Log.Partition, _plan.FirstDirtyOffset, endOffset, _kept, _removed, _bytesBefore, _bytesAfter);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _filter.Dispose();
        _reader.Dispose();
    }

    /// <summary>Fills the map from the dirty part on; answers the offset up to which every record is in it.</summary>
    private long ReadKeys(CancellationToken cancellationToken)
    {
        for (var i = 0; i < _plan.Segments.Count; i++)
        {
            var next = i + 1 < _plan.Segments.Count ? _plan.Segments[i + 1].BaseOffset : _plan.FirstUncleanableOffset;
            if (next <= _plan.FirstDirtyOffset) continue;
            var full = -1L;
            Scan(_plan.Segments[i], (batch, in header) =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                return header.LastOffset < _plan.FirstDirtyOffset || IsUntouched(header) || TryRead(batch, out full);
            });
            if (full >= 0) return full;
        }

        return _plan.FirstUncleanableOffset;
    }

    private bool TryRead(ReadOnlyMemory<byte> batch, out long full)
    {
        full = -1;
        _reader.Reset(batch);
        while (_reader.MoveNext())
        {
            ref readonly var record = ref _reader.Current;
            if (!record.HasKey || record.Offset < _plan.FirstDirtyOffset || _map.TryPut(record.Key.Span, record.Offset)) continue;
            full = record.Offset;
            return false;
        }

        return true;
    }

    private void Compact(IReadOnlyList<LogSegment> group, long endOffset, CancellationToken cancellationToken)
    {
        using var writer = new CleanedSegmentWriter(
            _fileSystem, _plan.Log.BeginReplacement(group), _config.IndexIntervalBytes);
        try
        {
            var isChanged = group.Count > 1;
            foreach (var segment in group)
            {
                Scan(segment, (batch, in header) =>
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    isChanged |= Compact(batch, header, endOffset, writer);
                    return true;
                });
            }

            _bytesBefore += group.Sum(segment => (long)segment.SizeInBytes);
            _bytesAfter += writer.SizeInBytes;
            if (!isChanged)
            {
                writer.Discard();
                return;
            }

            writer.Finish();
            _plan.Log.ReplaceSegments(group, writer.Segment);
        }
        catch
        {
            // A swap that failed took the log offline; which of its steps were done is for the next opening to find out.
            if (_plan.Log.Offline is null) TryDiscard(writer);
            throw;
        }
    }

    /// <summary>Writes what is left of a batch; answers whether that is anything else than the batch itself.</summary>
    private bool Compact(ReadOnlyMemory<byte> batch, in RecordBatchHeader header, long endOffset, CleanedSegmentWriter writer)
    {
        if (IsUntouched(header))
        {
            writer.Append(batch.Span);
            return false;
        }

        _isPastHorizon = header.HasDeleteHorizon && _nowMs >= header.BaseTimestamp;
        // What the map does not reach yet is not clean, and its tombstones have not begun to wait.
        long? horizon = header.LastOffset < endOffset ? Saturated(_nowMs, _config.DeleteRetentionMs) : null;
        var isLastOfProducer = header.HasProducerId
            && _lastOffsetsOfProducers.TryGetValue(header.ProducerId, out var last) && last == header.LastOffset;
        var result = _filter.Filter(batch, _keep, horizon, keepEmpty: isLastOfProducer);
        _kept += result.KeptRecords;
        _removed += result.RemovedRecords;
        if (!result.Batch.IsEmpty) writer.Append(result.Batch.Span);
        return !result.Batch.Equals(batch);
    }

    private bool Keep(in Record record) =>
        record.HasKey && record.Offset >= _map.Find(record.Key.Span) && (record.HasValue || !_isPastHorizon);

    /// <summary>
    /// Transaction markers and transactional records stay as they are: whether they count depends on an outcome that is not
    /// looked up here, and a record that was aborted must not supersede one that was not.
    /// </summary>
    private static bool IsUntouched(in RecordBatchHeader header) => header.IsControl || header.IsTransactional;

    private delegate bool BatchVisitor(ReadOnlyMemory<byte> batch, in RecordBatchHeader header);

    private void Scan(LogSegment segment, BatchVisitor visit)
    {
        if (segment.SizeInBytes == 0) return;
        if (!segment.TryAcquire())
            throw new OrleansLogException(ErrorCode.InvalidRequest, $"Segment '{segment.LogPath}' went away while it was compacted.");
        try
        {
            using var walker = new SegmentWalker(
                segment.File, 0, segment.SizeInBytes, segment.BaseOffset, segment.LimitOffset, verifyCrc: true);
            while (walker.MoveNext())
            {
                if (walker.IsDamage)
                {
                    throw new OrleansLogException(
                        ErrorCode.CorruptMessage, $"{_plan.Log.Partition} is not compacted, it is damaged: {walker.Describe(segment.LogPath)}.");
                }

                if (!visit(walker.BatchMemory, walker.Header)) return;
            }
        }
        finally
        {
            segment.Release();
        }
    }

    private static void TryDiscard(CleanedSegmentWriter writer)
    {
        try
        {
            writer.Discard();
        }
        catch (IOException)
        {
            // The first failure is the one to tell; the next start removes the files.
        }
    }

    private static long Saturated(long nowMs, long delayMs) => nowMs > long.MaxValue - delayMs ? long.MaxValue : nowMs + delayMs;
}
