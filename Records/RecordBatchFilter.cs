using OrleansLog.Records.Codecs;

namespace OrleansLog.Records;

/// <summary>Decides of a record whether it stays in its batch. The record is valid during the call.</summary>
public delegate bool RecordFilter(in Record record);

/// <summary>What a <see cref="RecordBatchFilter"/> made of a batch.</summary>
/// <param name="Batch">The batch as it is to be written: the very one given when nothing changed, otherwise memory of the filter
/// that is valid until its next call; empty when nothing of it is to stay.</param>
/// <param name="KeptRecords">Records that stayed.</param>
/// <param name="RemovedRecords">Records that did not.</param>
public readonly record struct FilteredBatch(ReadOnlyMemory<byte> Batch, int KeptRecords, int RemovedRecords);

/// <summary>
/// Takes records out of batches, as compaction does. What stays keeps its offset, timestamp and bytes; the batch keeps its base
/// and last offset, producer, sequence numbers, leader epoch and codec. Reusable; one thread at a time.
/// </summary>
/// <param name="maxDecompressedBytes">The most bytes that the records of a batch may take decompressed.</param>
public sealed class RecordBatchFilter(int maxDecompressedBytes = RecordBatchReaderOptions.DefaultMaxDecompressedBytes) : IDisposable
{
    private readonly RecordBatchReader _reader = new(new RecordBatchReaderOptions
    {
        MaxDecompressedBytes = maxDecompressedBytes,
        UsePooledMemory = true,
    });
    private readonly PooledBuffer _plain = new(int.MaxValue);
    private readonly PooledBuffer _compressed = new(int.MaxValue);
    private readonly List<Record> _kept = [];

    /// <summary>
    /// Takes out the records that <paramref name="keep"/> does not want.
    /// </summary>
    /// <param name="batch">Exactly one valid batch.</param>
    /// <param name="keep">Asked once for each record, in their order.</param>
    /// <param name="deleteHorizonMs">When a record without a value stays and the batch has no delete horizon yet, the one that it
    /// gets (milliseconds since the Unix epoch); null for none.</param>
    /// <param name="keepEmpty">Whether a batch without records stays, as a header alone that still tells the producer's
    /// sequence number.</param>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.CorruptMessage"/>: the records are malformed.</exception>
    public FilteredBatch Filter(ReadOnlyMemory<byte> batch, RecordFilter keep, long? deleteHorizonMs, bool keepEmpty)
    {
        ArgumentNullException.ThrowIfNull(keep);
        _kept.Clear();
        _reader.Reset(batch);
        var header = _reader.Header;
        var keepsTombstone = false;
        while (_reader.MoveNext())
        {
            ref readonly var record = ref _reader.Current;
            if (!keep(record)) continue;
            _kept.Add(record);
            keepsTombstone |= !record.HasValue;
        }

        var removed = header.RecordCount - _kept.Count;
        var newHorizon = keepsTombstone && !header.HasDeleteHorizon ? deleteHorizonMs : null;
        if (_kept.Count == 0) return new FilteredBatch(keepEmpty ? WriteEmpty(batch, header) : default, 0, removed);
        return new FilteredBatch(removed == 0 && newHorizon is null ? batch : Write(header, newHorizon), _kept.Count, removed);
    }

    /// <summary>Returns the memory to the pool; what was answered may no longer be used.</summary>
    public void Dispose()
    {
        _reader.Dispose();
        _plain.Dispose();
        _compressed.Dispose();
    }

    private ReadOnlyMemory<byte> WriteEmpty(ReadOnlyMemory<byte> batch, in RecordBatchHeader header)
    {
        if (header.RecordCount == 0) return batch;
        Begin(_plain);
        return Finish(_plain, header with
        {
            Attributes = (short)(header.Attributes & ~(RecordBatchHeader.CompressionMask | RecordBatchHeader.DeleteHorizonMask)),
            BaseTimestamp = header.MaxTimestamp,
            RecordCount = 0,
        });
    }

    private ReadOnlyMemory<byte> Write(in RecordBatchHeader header, long? newHorizon)
    {
        Begin(_plain);
        var baseTimestamp = newHorizon ?? header.BaseTimestamp;
        var maxTimestamp = long.MinValue;
        foreach (var record in _kept)
        {
            Write(record, record.TimestampMs - baseTimestamp, (int)(record.Offset - header.BaseOffset));
            maxTimestamp = Math.Max(maxTimestamp, record.TimestampMs);
        }

        var attributes = newHorizon is null ? header.Attributes : (short)(header.Attributes | RecordBatchHeader.DeleteHorizonMask);
        var finished = _plain;
        if (header.Compression != CompressionType.None)
        {
            Begin(_compressed);
            Codec.Compress(header.Compression, level: 0, _plain.Written[RecordBatchHeader.Size..], _compressed);
            finished = _compressed;
        }

        return Finish(finished, header with
        {
            Attributes = attributes,
            BaseTimestamp = baseTimestamp,
            MaxTimestamp = header.TimestampType == TimestampType.LogAppendTime ? header.MaxTimestamp : maxTimestamp,
            RecordCount = _kept.Count,
        });
    }

    private void Write(in Record record, long timestampDelta, int offsetDelta)
    {
        var fromKey = record.FromKey.Span;
        var size = 1 + Varint.SizeOf(timestampDelta) + Varint.SizeOf(offsetDelta) + Varint.SizeOf(record.KeyLength) + fromKey.Length;
        var room = _plain.Reserve(size + Varint.MaxInt32Size);
        ref var start = ref room[0];
        var at = Varint.Write(ref start, 0, size);
        room[at++] = 0;
        at = Varint.Write(ref start, at, timestampDelta);
        at = Varint.Write(ref start, at, offsetDelta);
        at = Varint.Write(ref start, at, record.KeyLength);
        fromKey.CopyTo(room[at..]);
        _plain.Advance(at + fromKey.Length);
    }

    private static void Begin(PooledBuffer buffer)
    {
        buffer.Clear();
        buffer.Reserve(RecordBatchHeader.Size);
        buffer.Advance(RecordBatchHeader.Size);
    }

    private static Memory<byte> Finish(PooledBuffer buffer, in RecordBatchHeader header)
    {
        var batch = buffer.Array.AsMemory(0, buffer.Length);
        (header with { BatchLength = batch.Length - RecordBatchHeader.LogOverhead }).Write(batch.Span);
        RecordBatch.WriteCrc(batch.Span);
        return batch;
    }
}
