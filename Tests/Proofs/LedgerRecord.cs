using System.Buffers.Binary;
using OrleansLog.Client;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// A record that says who produced it as the how manyth: key, value and partition follow from these two numbers, so that what
/// comes back can be checked byte by byte without being kept.
/// </summary>
internal readonly record struct LedgerRecord(int Producer, long Sequence)
{
    public const int KeyLength = 8;
    public const int MaxValueLength = 16 + 255;
    private const int KeysPerProducer = 50;

    /// <summary>The bytes of the value: from 16 to <see cref="MaxValueLength"/>.</summary>
    public int ValueLength => 16 + (int)(Mix(0) & 0xFF);

    public void WriteKey(Span<byte> key)
    {
        BinaryPrimitives.WriteInt32BigEndian(key, Producer);
        BinaryPrimitives.WriteInt32BigEndian(key[4..], (int)(Mix(1) % KeysPerProducer));
    }

    public void WriteValue(Span<byte> value)
    {
        BinaryPrimitives.WriteInt64BigEndian(value, Producer);
        BinaryPrimitives.WriteInt64BigEndian(value[8..], Sequence);
        for (var i = 16; i < ValueLength; i++) value[i] = (byte)(Sequence + i * 31);
    }

    /// <summary>Where the default partitioner puts it.</summary>
    public int PartitionOf(int partitions)
    {
        Span<byte> key = stackalloc byte[KeyLength];
        WriteKey(key);
        return Partitioner.Default.Choose("", key, true, partitions);
    }

    /// <summary>Reads a record; null when these are not the bytes of one.</summary>
    public static LedgerRecord? Parse(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (value.Length < 16) return null;
        var record = new LedgerRecord(
            (int)BinaryPrimitives.ReadInt64BigEndian(value), BinaryPrimitives.ReadInt64BigEndian(value[8..]));
        if (record.ValueLength != value.Length) return null;
        Span<byte> expected = stackalloc byte[KeyLength + MaxValueLength];
        record.WriteKey(expected);
        record.WriteValue(expected[KeyLength..]);
        return expected[..KeyLength].SequenceEqual(key) && expected.Slice(KeyLength, value.Length).SequenceEqual(value)
            ? record
            : null;
    }

    private ulong Mix(ulong salt)
    {
        var x = (ulong)Sequence * 0x9E3779B97F4A7C15 + (ulong)Producer + salt * 0xD1B54A32D192ED03;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
