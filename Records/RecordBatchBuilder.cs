using System.Runtime.InteropServices;
using System.Text;
using OrleansLog.Records.Codecs;

namespace OrleansLog.Records;

/// <summary>
/// Encodes records into one batch, straight into a pooled buffer that grows with them up to a bound. Reusable: append, build,
/// use the bytes, reset. Nothing is allocated per record. One thread at a time.
/// </summary>
public sealed class RecordBatchBuilder : IDisposable
{
    /// <summary>The default bound on a batch that holds a single record: Kafka's default of <c>max.message.bytes</c>.</summary>
    public const int DefaultMaxRecordBytes = (1024 * 1024) + RecordBatchHeader.LogOverhead;

    private const int LargestBound = 1 << 30;
    private readonly CompressionType _compression;
    private readonly TimestampType _timestampType;
    private readonly int _compressionLevel;
    private readonly PooledBuffer _plain = new(LargestBound);
    private PooledBuffer? _compressed;
    private long _baseTimestamp, _maxTimestamp, _producerId;
    private short _producerEpoch;
    private int _baseSequence;
    private bool _transactional, _built;

    /// <summary>Makes an empty builder.</summary>
    /// <param name="maxBatchBytes">The most bytes of a batch of several records, uncompressed and with its header.</param>
    /// <param name="compression">How the records are compressed.</param>
    /// <param name="compressionLevel">
    /// The codec's level: gzip 1 to 9, LZ4 1 to 12, Zstandard -7 to 22; 0 for the codec's default (6, 1 and 3).
    /// </param>
    /// <param name="timestampType">What the timestamps mean.</param>
    /// <param name="maxRecordBytes">
    /// The most bytes of a batch that holds a single record, uncompressed and with its header: the first record is taken up to
    /// this bound even where it is above <paramref name="maxBatchBytes"/>.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">A bound is below the header's size or above 1 GiB.</exception>
    /// <exception cref="OrleansLogException">
    /// <see cref="ErrorCode.InvalidConfig"/> for the level, <see cref="ErrorCode.UnsupportedCompressionType"/> for the codec.
    /// </exception>
    public RecordBatchBuilder(
        int maxBatchBytes,
        CompressionType compression = CompressionType.None,
        int compressionLevel = 0,
        TimestampType timestampType = TimestampType.CreateTime,
        int maxRecordBytes = DefaultMaxRecordBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxBatchBytes, RecordBatchHeader.Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBatchBytes, LargestBound);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRecordBytes, RecordBatchHeader.Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxRecordBytes, LargestBound);
        if (!Codec.IsKnown(compression))
        {
            throw Fault.With(ErrorCode.UnsupportedCompressionType, $"Compression codec {(int)compression} is not known.");
        }

        Codec.CheckLevel(compression, compressionLevel);
        MaxBatchBytes = maxBatchBytes;
        MaxRecordBytes = maxRecordBytes;
        _compression = compression;
        _compressionLevel = compressionLevel;
        _timestampType = timestampType;
        Reset();
    }

    /// <summary>The most bytes of a batch of several records, uncompressed.</summary>
    public int MaxBatchBytes { get; }

    /// <summary>The most bytes of a batch of one record, uncompressed.</summary>
    public int MaxRecordBytes { get; }

    /// <summary>Records appended since the last reset.</summary>
    public int RecordCount { get; private set; }

    /// <summary>
    /// Bytes of the batch as it stands, header included and before compression; never less than the built batch has.
    /// </summary>
    public int EstimatedSizeInBytes => _plain.Length;

    /// <summary>
    /// Appends a record; false when it does not fit any more, and then the batch is as it was. The bytes are copied.
    /// </summary>
    /// <param name="timestampMs">Milliseconds since the Unix epoch, or -1 for none.</param>
    /// <param name="key">The key; ignored without <paramref name="hasKey"/>.</param>
    /// <param name="hasKey">Whether there is a key.</param>
    /// <param name="value">The value; ignored without <paramref name="hasValue"/>.</param>
    /// <param name="hasValue">Whether there is a value.</param>
    /// <param name="headers">The headers, null for none.</param>
    /// <exception cref="OrleansLogException">
    /// <see cref="ErrorCode.RecordTooLarge"/> when not even an empty batch could take the record,
    /// <see cref="ErrorCode.InvalidTimestamp"/> when the timestamp is below -1.
    /// </exception>
    /// <exception cref="InvalidOperationException">The batch is built and was not reset.</exception>
    public bool TryAppend(
        long timestampMs,
        ReadOnlySpan<byte> key,
        bool hasKey,
        ReadOnlySpan<byte> value,
        bool hasValue,
        IReadOnlyList<RecordHeader>? headers = null)
    {
        int keyLength = hasKey ? key.Length : -1, valueLength = hasValue ? value.Length : -1;
        if (!TryReserve(timestampMs, keyLength, valueLength, out var keyRoom, out var valueRoom, headers))
        {
            return false;
        }

        if (hasKey) key.CopyTo(keyRoom);
        if (hasValue) value.CopyTo(valueRoom);
        return true;
    }

    /// <summary>
    /// Appends a record whose key and value the caller writes in place: both spans must be filled before the builder is used
    /// again. False when it does not fit any more, and then the batch is as it was.
    /// </summary>
    /// <param name="timestampMs">Milliseconds since the Unix epoch, or -1 for none.</param>
    /// <param name="keyLength">Bytes of the key; -1 for no key.</param>
    /// <param name="valueLength">Bytes of the value; -1 for no value.</param>
    /// <param name="key">Room for the key, exactly as long as it.</param>
    /// <param name="value">Room for the value, exactly as long as it.</param>
    /// <param name="headers">The headers, null for none.</param>
    /// <exception cref="OrleansLogException">As for <see cref="TryAppend"/>.</exception>
    /// <exception cref="InvalidOperationException">The batch is built and was not reset.</exception>
    public bool TryReserve(
        long timestampMs,
        int keyLength,
        int valueLength,
        out Span<byte> key,
        out Span<byte> value,
        IReadOnlyList<RecordHeader>? headers = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(keyLength, -1);
        ArgumentOutOfRangeException.ThrowIfLessThan(valueLength, -1);
        if (_built) throw new InvalidOperationException("The batch is built: reset the builder first.");
        if (timestampMs < -1) throw Fault.With(ErrorCode.InvalidTimestamp, $"Timestamp {timestampMs} is below -1.");

        var count = RecordCount;
        var timestampDelta = count == 0 ? 0 : timestampMs - _baseTimestamp;
        var headersSize = headers is null or { Count: 0 } ? 1 : SizeOf(headers);
        var body = 1L + Varint.SizeOf(timestampDelta) + Varint.SizeOf(count) + Varint.SizeOf(keyLength) + Math.Max(keyLength, 0)
            + Varint.SizeOf(valueLength) + Math.Max(valueLength, 0) + headersSize;
        var size = body + Varint.MaxInt32Size;
        if (body < int.MaxValue) size = body + Varint.SizeOf((int)body);
        if (!HasRoomFor(size))
        {
            key = value = default;
            return false;
        }

        var room = _plain.Reserve((int)size);
        ref var buffer = ref MemoryMarshal.GetReference(room);
        var at = Varint.Write(ref buffer, 0, (int)body);
        room[at++] = 0;
        at = Varint.Write(ref buffer, at, timestampDelta);
        at = Varint.Write(ref buffer, at, count);
        at = Varint.Write(ref buffer, at, keyLength);
        key = room.Slice(at, Math.Max(keyLength, 0));
        at = Varint.Write(ref buffer, at + key.Length, valueLength);
        value = room.Slice(at, Math.Max(valueLength, 0));
        at += value.Length;
        if (headersSize == 1) room[at] = 0;
        else WriteHeaders(headers!, room[at..(int)size]);
        _plain.Advance((int)size);

        if (count == 0) _baseTimestamp = _maxTimestamp = timestampMs;
        else if (timestampMs > _maxTimestamp) _maxTimestamp = timestampMs;
        RecordCount = count + 1;
        return true;
    }

    /// <summary>
    /// Makes the batch an idempotent or transactional producer's. May also be called between two calls of <see cref="Build"/>, so
    /// that a batch can be sent again under another sequence number.
    /// </summary>
    /// <param name="producerId">The producer id, or -1 for none.</param>
    /// <param name="epoch">The producer epoch, -1 without an id.</param>
    /// <param name="baseSequence">Sequence number of the first record, -1 for none.</param>
    /// <param name="transactional">Whether the batch belongs to a transaction.</param>
    public void SetProducer(long producerId, short epoch, int baseSequence, bool transactional = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(producerId, -1);
        ArgumentOutOfRangeException.ThrowIfLessThan(epoch, producerId < 0 ? (short)-1 : (short)0);
        ArgumentOutOfRangeException.ThrowIfLessThan(baseSequence, -1);
        _producerId = producerId;
        _producerEpoch = epoch;
        _baseSequence = baseSequence;
        _transactional = transactional;
    }

    /// <summary>
    /// Finishes the batch, with base offset 0 and leader epoch -1, and returns it. The memory is the builder's, writable for who
    /// gets hold of it (a leader sets the offset in place), and valid until <see cref="Reset"/> or <see cref="Dispose"/>. Calling
    /// it again writes the header anew, with what was set since, and does not compress again. A batch that compression would
    /// make no smaller is left uncompressed, and says so.
    /// </summary>
    /// <exception cref="InvalidOperationException">There are no records.</exception>
    public ReadOnlyMemory<byte> Build()
    {
        if (RecordCount == 0) throw new InvalidOperationException("A batch must have a record.");
        if (!_built) Compress();
        _built = true;
        var compressed = _compressed is { Length: > 0 };
        var finished = compressed ? _compressed! : _plain;
        var batch = finished.Array.AsMemory(0, finished.Length);
        var attributes = (int)(compressed ? _compression : CompressionType.None);
        if (_timestampType == TimestampType.LogAppendTime) attributes |= RecordBatchHeader.TimestampTypeMask;
        if (_transactional) attributes |= RecordBatchHeader.TransactionalMask;
        var header = new RecordBatchHeader(
            BaseOffset: 0, BatchLength: batch.Length - RecordBatchHeader.LogOverhead, PartitionLeaderEpoch: -1,
            RecordBatchHeader.CurrentMagic, Crc: 0, (short)attributes, LastOffsetDelta: RecordCount - 1, _baseTimestamp,
            _maxTimestamp, _producerId, _producerEpoch, _baseSequence, RecordCount);
        header.Write(batch.Span);
        RecordBatch.WriteCrc(batch.Span);
        return batch;
    }

    /// <summary>Empties the builder, forgets the producer and keeps the memory; what was built may no longer be used.</summary>
    public void Reset()
    {
        _plain.Clear();
        _plain.Reserve(RecordBatchHeader.Size);
        _plain.Advance(RecordBatchHeader.Size);
        _compressed?.Clear();
        RecordCount = 0;
        _baseTimestamp = _maxTimestamp = -1;
        SetProducer(-1, -1, -1);
        _built = false;
    }

    /// <summary>Returns the memory to the pool; what was built may no longer be used. The builder may not either.</summary>
    public void Dispose()
    {
        _plain.Dispose();
        _compressed?.Dispose();
    }

    private bool HasRoomFor(long recordSize)
    {
        var alone = RecordBatchHeader.Size + recordSize;
        var bound = Math.Max(MaxRecordBytes, MaxBatchBytes);
        if (alone > bound)
        {
            throw Fault.With(
                ErrorCode.RecordTooLarge,
                $"A record takes {alone} bytes as a batch of its own, more than the {bound} allowed.");
        }

        return RecordCount == 0 || _plain.Length + recordSize <= MaxBatchBytes;
    }

    private void Compress()
    {
        if (_compression == CompressionType.None) return;
        _compressed ??= new PooledBuffer(int.MaxValue);
        _compressed.Reserve(RecordBatchHeader.Size);
        _compressed.Advance(RecordBatchHeader.Size);
        Codec.Compress(_compression, _compressionLevel, _plain.Written[RecordBatchHeader.Size..], _compressed);
        if (_compressed.Length >= _plain.Length) _compressed.Clear();
    }

    private static int SizeOf(IReadOnlyList<RecordHeader> headers)
    {
        long size = Varint.SizeOf(headers.Count);
        for (var i = 0; i < headers.Count; i++)
        {
            var header = headers[i];
            var keyLength = Encoding.UTF8.GetByteCount(header.Key);
            size += Varint.SizeOf(keyLength) + keyLength;
            size += Varint.SizeOf(header.HasValue ? header.Value.Length : -1) + header.Value.Length;
        }

        return (int)Math.Min(size, int.MaxValue / 2);
    }

    private static void WriteHeaders(IReadOnlyList<RecordHeader> headers, Span<byte> room)
    {
        ref var buffer = ref MemoryMarshal.GetReference(room);
        var at = Varint.Write(ref buffer, 0, headers.Count);
        for (var i = 0; i < headers.Count; i++)
        {
            var header = headers[i];
            at = Varint.Write(ref buffer, at, Encoding.UTF8.GetByteCount(header.Key));
            at += Encoding.UTF8.GetBytes(header.Key, room[at..]);
            at = Varint.Write(ref buffer, at, header.HasValue ? header.Value.Length : -1);
            header.Value.Span.CopyTo(room[at..]);
            at += header.Value.Length;
        }
    }
}
