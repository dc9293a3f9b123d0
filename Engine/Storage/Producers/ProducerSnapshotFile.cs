using System.Buffers.Binary;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The <c>.snapshot</c> file: what the log knew of its producers just before the offset that the file is named after. Kafka's
/// version 1, big-endian: version int16, CRC-32C uint32 of all that follows, number of producers int32, and for each its id int64,
/// epoch int16, last sequence int32, last offset int64, offset delta int32, timestamp int64, coordinator epoch int32, first
/// offset of the open transaction int64. Kafka keeps one batch a producer there; the others of the window follow behind, where
/// its readers do not look: magic int32, number of producers int32, and for each its id int64, the number of batches int32 and for
/// each batch last sequence int32, last offset int64, offset delta int32, timestamp int64.
/// </summary>
internal static class ProducerSnapshotFile
{
    private const short Version = 1;
    private const int CrcAt = 2, EntriesAt = 6, EntrySize = 46, BatchSize = 24, WindowMagic = 0x4F4C5731;

    public static byte[] Format(IReadOnlyCollection<ProducerEntry> producers)
    {
        var windows = producers.Where(producer => producer.Batches.Length > 1).ToList();
        var size = EntriesAt + 4 + (producers.Count * EntrySize);
        if (windows.Count > 0) size += 8 + windows.Sum(producer => 12 + ((producer.Batches.Length - 1) * BatchSize));
        var bytes = new byte[size];
        var writer = new Writer(bytes);
        writer.Int16(Version);
        writer.Int32(0);
        writer.Int32(producers.Count);
        foreach (var producer in producers)
        {
            var last = producer.IsEmpty ? new ProducerBatch(-1, -1, 0, producer.LastTimestampMs) : producer.Batches[^1];
            writer.Int64(producer.ProducerId);
            writer.Int16(producer.Epoch);
            writer.Int32(last.LastSequence);
            writer.Int64(last.LastOffset);
            writer.Int32(last.OffsetDelta);
            writer.Int64(producer.LastTimestampMs);
            writer.Int32(producer.CoordinatorEpoch);
            writer.Int64(producer.CurrentTransactionFirstOffset);
        }

        if (windows.Count > 0) WriteWindows(ref writer, windows);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(CrcAt), Crc32C.Compute(bytes.AsSpan(EntriesAt)));
        return bytes;
    }

    /// <summary>Reads the file's content; false when it is damaged or of a version that is not known.</summary>
    public static bool TryParse(ReadOnlySpan<byte> content, out List<ProducerEntry> producers)
    {
        producers = [];
        if (content.Length < EntriesAt + 4 || BinaryPrimitives.ReadInt16BigEndian(content) != Version
            || BinaryPrimitives.ReadUInt32BigEndian(content[CrcAt..]) != Crc32C.Compute(content[EntriesAt..]))
            return false;
        var count = BinaryPrimitives.ReadInt32BigEndian(content[EntriesAt..]);
        var rest = content[(EntriesAt + 4)..];
        if (count < 0 || (long)count * EntrySize > rest.Length) return false;
        var windows = ReadWindows(rest[(count * EntrySize)..]);
        for (var i = 0; i < count; i++) producers.Add(ReadEntry(rest.Slice(i * EntrySize, EntrySize), windows));
        return true;
    }

    private static ProducerEntry ReadEntry(ReadOnlySpan<byte> source, Dictionary<long, List<ProducerBatch>> windows)
    {
        var reader = new Reader(source);
        var producer = new ProducerEntry(reader.Int64());
        var epoch = reader.Int16();
        var last = new ProducerBatch(reader.Int32(), reader.Int64(), reader.Int32(), 0);
        var timestamp = reader.Int64();
        producer.Epoch = epoch;
        if (windows.TryGetValue(producer.ProducerId, out var earlier))
            foreach (var batch in earlier) producer.Add(epoch, batch);
        if (last.LastSequence >= 0) producer.Add(epoch, last with { TimestampMs = timestamp });
        producer.LastTimestampMs = timestamp;
        producer.CoordinatorEpoch = reader.Int32();
        producer.CurrentTransactionFirstOffset = reader.Int64();
        return producer;
    }

    private static void WriteWindows(ref Writer writer, List<ProducerEntry> producers)
    {
        writer.Int32(WindowMagic);
        writer.Int32(producers.Count);
        foreach (var producer in producers)
        {
            writer.Int64(producer.ProducerId);
            writer.Int32(producer.Batches.Length - 1);
            foreach (ref readonly var batch in producer.Batches[..^1])
            {
                writer.Int32(batch.LastSequence);
                writer.Int64(batch.LastOffset);
                writer.Int32(batch.OffsetDelta);
                writer.Int64(batch.TimestampMs);
            }
        }
    }

    // The CRC has been checked; lengths are, too, because another program may have written something else there.
    private static Dictionary<long, List<ProducerBatch>> ReadWindows(ReadOnlySpan<byte> source)
    {
        var windows = new Dictionary<long, List<ProducerBatch>>();
        if (source.Length < 8 || BinaryPrimitives.ReadInt32BigEndian(source) != WindowMagic) return windows;
        var reader = new Reader(source[4..]);
        for (var left = reader.Int32(); left > 0 && reader.Remaining >= 12; left--)
        {
            var producerId = reader.Int64();
            var batches = new List<ProducerBatch>();
            for (var count = reader.Int32(); count > 0 && reader.Remaining >= BatchSize; count--)
                batches.Add(new ProducerBatch(reader.Int32(), reader.Int64(), reader.Int32(), reader.Int64()));
            windows[producerId] = batches;
        }

        return windows;
    }

    private ref struct Writer(Span<byte> target)
    {
        private Span<byte> _rest = target;

        public void Int16(short value)
        {
            BinaryPrimitives.WriteInt16BigEndian(_rest, value);
            _rest = _rest[2..];
        }

        public void Int32(int value)
        {
            BinaryPrimitives.WriteInt32BigEndian(_rest, value);
            _rest = _rest[4..];
        }

        public void Int64(long value)
        {
            BinaryPrimitives.WriteInt64BigEndian(_rest, value);
            _rest = _rest[8..];
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> source)
    {
        private ReadOnlySpan<byte> _rest = source;

        public readonly int Remaining => _rest.Length;

        public short Int16()
        {
            var value = BinaryPrimitives.ReadInt16BigEndian(_rest);
            _rest = _rest[2..];
            return value;
        }

        public int Int32()
        {
            var value = BinaryPrimitives.ReadInt32BigEndian(_rest);
            _rest = _rest[4..];
            return value;
        }

        public long Int64()
        {
            var value = BinaryPrimitives.ReadInt64BigEndian(_rest);
            _rest = _rest[8..];
            return value;
        }
    }
}
