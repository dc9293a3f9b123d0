using System.Runtime.InteropServices;
using OrleansLog.Records.Codecs;

namespace OrleansLog.Records;

/// <summary>Whether compaction keeps a record. The record is valid during the call only.</summary>
public delegate bool RecordFilter<in TState>(TState state, in RecordBatchHeader batch, in Record record);

/// <summary>
/// Copies a batch with some of its records left out, as compaction does. What readers and followers rely on stays: offsets, base
/// offset, last offset (so that the next offset can still be told), leader epoch, timestamps, producer id, epoch and sequence
/// number, flags and codec. Reusable; one thread at a time.
/// </summary>
public sealed class RecordBatchRewriter : IDisposable
{
    private readonly RecordBatchReader _reader;
    private readonly PooledBuffer _plain = new(int.MaxValue), _compressed = new(int.MaxValue);

    /// <summary>Makes a rewriter.</summary>
    /// <param name="maxDecompressedBytes">The most bytes that the records of a batch may take decompressed.</param>
    public RecordBatchRewriter(int maxDecompressedBytes = RecordBatchReaderOptions.DefaultMaxDecompressedBytes) =>
        _reader = new RecordBatchReader(
            new RecordBatchReaderOptions { MaxDecompressedBytes = maxDecompressedBytes, UsePooledMemory = true });

    /// <summary>
    /// Returns the batch with the records that <paramref name="keep"/> accepts: the given memory itself when nothing changes,
    /// otherwise memory of the rewriter, valid until its next call. Without any record left it is a bare header that still states
    /// offsets and producer.
    /// </summary>
    /// <param name="batch">Exactly one batch, whose CRC is not checked.</param>
    /// <param name="state">Handed to <paramref name="keep"/>.</param>
    /// <param name="keep">Called for each record in its order.</param>
    /// <param name="keptCount">How many records are left.</param>
    /// <param name="deleteHorizonMs">
    /// The time from which the tombstones of the batch may go, milliseconds since the Unix epoch, written into its header unless
    /// it already has one; null to write none.
    /// </param>
    /// <exception cref="OrleansLogException">As <see cref="RecordBatchReader"/> throws it.</exception>
    public ReadOnlyMemory<byte> Rewrite<TState>(
        ReadOnlyMemory<byte> batch, TState state, RecordFilter<TState> keep, out int keptCount, long? deleteHorizonMs = null)
    {
        ArgumentNullException.ThrowIfNull(keep);
        _reader.Reset(batch);
        var header = _reader.Header;
        var setHorizon = deleteHorizonMs is not null && !header.HasDeleteHorizon;
        var baseTimestamp = setHorizon ? deleteHorizonMs!.Value : header.BaseTimestamp;
        StartWithHeader(_plain);
        var maxTimestamp = -1L;
        keptCount = 0;
        while (_reader.MoveNext())
        {
            ref readonly var record = ref _reader.Current;
            if (!keep(state, header, record)) continue;
            keptCount++;
            maxTimestamp = Math.Max(maxTimestamp, record.TimestampMs);
            if (setHorizon) AppendWithBase(record.Encoded.Span, baseTimestamp - header.BaseTimestamp);
            else Append(record.Encoded.Span);
        }

        if (keptCount == header.RecordCount && !setHorizon) return batch;
        if (keptCount == 0 || header.TimestampType == TimestampType.LogAppendTime) maxTimestamp = header.MaxTimestamp;
        return Finish(header with
        {
            BaseTimestamp = baseTimestamp,
            MaxTimestamp = maxTimestamp,
            RecordCount = keptCount,
            Attributes = setHorizon ? (short)(header.Attributes | RecordBatchHeader.DeleteHorizonMask) : header.Attributes,
        });
    }

    /// <summary>Returns the memory to the pool; what was rewritten may no longer be used.</summary>
    public void Dispose()
    {
        _reader.Dispose();
        _plain.Dispose();
        _compressed.Dispose();
    }

    private static void StartWithHeader(PooledBuffer buffer)
    {
        buffer.Clear();
        buffer.Reserve(RecordBatchHeader.Size);
        buffer.Advance(RecordBatchHeader.Size);
    }

    private void Append(ReadOnlySpan<byte> encoded)
    {
        encoded.CopyTo(_plain.Reserve(encoded.Length));
        _plain.Advance(encoded.Length);
    }

    // The timestamp delta refers to the base timestamp; all that follows it is copied.
    private void AppendWithBase(ReadOnlySpan<byte> encoded, long baseMovedBy)
    {
        var position = 0;
        Varint.TryRead(encoded, ref position, out int _);
        var attributes = encoded[position++];
        Varint.TryRead(encoded, ref position, out long delta);
        delta -= baseMovedBy;
        var rest = encoded[position..];
        var body = 1 + Varint.SizeOf(delta) + rest.Length;
        var room = _plain.Reserve(Varint.MaxInt32Size + body);
        ref var buffer = ref MemoryMarshal.GetReference(room);
        var at = Varint.Write(ref buffer, 0, body);
        room[at++] = attributes;
        at = Varint.Write(ref buffer, at, delta);
        rest.CopyTo(room[at..]);
        _plain.Advance(at + rest.Length);
    }

    private ReadOnlyMemory<byte> Finish(RecordBatchHeader header)
    {
        var finished = _plain;
        if (header.Compression != CompressionType.None && header.RecordCount > 0)
        {
            StartWithHeader(_compressed);
            Codec.Compress(header.Compression, 0, _plain.Written[RecordBatchHeader.Size..], _compressed);
            if (_compressed.Length < _plain.Length) finished = _compressed;
        }

        if (finished == _plain)
        {
            header = header with { Attributes = (short)(header.Attributes & ~RecordBatchHeader.CompressionMask) };
        }

        var batch = finished.Array.AsMemory(0, finished.Length);
        (header with { BatchLength = batch.Length - RecordBatchHeader.LogOverhead }).Write(batch.Span);
        RecordBatch.WriteCrc(batch.Span);
        return batch;
    }
}
