using System.Buffers.Binary;
using OrleansLog.Records;

namespace OrleansLog.Tests.Records;

/// <summary>Makes broken batches out of whole ones, always the same for the same random numbers.</summary>
internal sealed class BatchMutator
{
    private static readonly byte[] Edges = [0x00, 0x01, 0x02, 0x7E, 0x7F, 0x80, 0xFE, 0xFF];
    private readonly Random _random;
    private readonly CompressionType _codec;
    private readonly byte[][] _compressed, _plain;

    public BatchMutator(Random random, CompressionType codec)
    {
        _random = random;
        _codec = codec;
        var counts = new[] { 1, 2, 7, 40 };
        _compressed = [.. counts.Select(count => Batches.Mixed(count, codec))];
        _plain = [.. counts.Select(count => Batches.Mixed(count))];
    }

    /// <summary>The next batch, or two in a row.</summary>
    public byte[] Next()
    {
        // In some, the records are broken before they are compressed, so that the codec does not stand in the way.
        var plain = _codec != CompressionType.None && _random.Next(4) == 0;
        var batch = Pick(plain ? _plain : _compressed);
        for (var n = _random.Next(4); n >= 0; n--) batch = Mutate(batch, plain ? RecordBatchHeader.Size : 0);
        if (plain && batch.Length > RecordBatchHeader.Size)
        {
            batch = CodecTests.Batch(_codec, batch, CodecTests.Compress(_codec, batch.AsSpan(RecordBatchHeader.Size)));
        }

        if (_random.Next(8) != 0) FixLength(batch);
        if (_random.Next(2) == 0 && batch.Length >= RecordBatchHeader.Size) RecordBatch.WriteCrc(batch);
        return _random.Next(16) == 0 ? [.. batch, .. Pick(_compressed)] : batch;
    }

    private byte[] Mutate(byte[] batch, int from)
    {
        if (batch.Length <= from) return batch;
        var at = _random.Next(from, batch.Length);
        switch (_random.Next(10))
        {
            case 0:
            case 1:
                batch[at] ^= (byte)(1 << _random.Next(8));
                return batch;
            case 2:
                batch[at] = Edges[_random.Next(Edges.Length)];
                return batch;
            case 3:
                batch[at] = (byte)_random.Next(256);
                return batch;
            case 4: // a long run, such as a varint that does not end
                batch.AsSpan(at, _random.Next(Math.Min(12, batch.Length - at) + 1)).Fill(Edges[_random.Next(Edges.Length)]);
                return batch;
            case 5:
                return batch[..at];
            case 6:
                return [.. batch[..at], .. batch[_random.Next(at, batch.Length)..]];
            case 7:
                return [.. batch[..at], .. batch[_random.Next(from, at + 1)..]];
            case 8: // the end of another batch
                var other = Pick(_compressed);
                return [.. batch[..at], .. other[Math.Min(at, other.Length)..]];
            default:
                return from == 0 ? MutateField(batch) : batch;
        }
    }

    private byte[] MutateField(byte[] batch)
    {
        if (batch.Length < RecordBatchHeader.Size) return batch;
        var value = _random.Next(3) switch
        {
            0 => _random.Next(-2, 50),
            1 => int.MaxValue - _random.Next(3),
            _ => _random.Next(),
        };
        switch (_random.Next(4))
        {
            case 0:
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.RecordCountAt), value);
                break;
            case 1:
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), value);
                break;
            case 2:
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.LengthAt), value);
                break;
            default:
                batch[RecordBatchHeader.AttributesAt + 1] = (byte)_random.Next(8);
                break;
        }

        return batch;
    }

    private static void FixLength(byte[] batch)
    {
        if (batch.Length < RecordBatchHeader.Size) return;
        var length = batch.Length - RecordBatchHeader.LogOverhead;
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.LengthAt), length);
    }

    private byte[] Pick(byte[][] from) => (byte[])from[_random.Next(from.Length)].Clone();
}
