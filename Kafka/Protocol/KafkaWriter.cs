using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Kafka.Server;

namespace OrleansLog.Kafka.Protocol;

/// <summary>
/// Writes one response: small fields into a rented buffer, records as references to the memory they were read into, which is
/// sent from there. It owns all of that until it is disposed of. Not thread-safe.
/// </summary>
internal sealed class KafkaWriter : IDisposable
{
    private const int FirstBufferBytes = 1024;
    private const int SizePrefixBytes = 4;
    private List<(int At, RecordBytes Records)>? _records;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstBufferBytes);
    private int _length = SizePrefixBytes;
    private int _recordBytes;
    private ByteBudget? _budget;
    private long _charged;

    /// <summary>Whether lengths are compact and tagged fields follow.</summary>
    public bool IsFlexible { get; set; }

    /// <summary>All bytes so far, the size prefix included.</summary>
    public int Length => checked(_length + _recordBytes);

    /// <summary>Writes a boolean.</summary>
    public void WriteBoolean(bool value) => Take(1)[0] = value ? (byte)1 : (byte)0;

    /// <summary>Writes an int8.</summary>
    public void WriteInt8(sbyte value) => Take(1)[0] = (byte)value;

    /// <summary>Writes an int16.</summary>
    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Take(2), value);

    /// <summary>Writes an error code.</summary>
    public void WriteError(ErrorCode error) => WriteInt16((short)error);

    /// <summary>Writes an int32.</summary>
    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(4), value);

    /// <summary>Writes an int64.</summary>
    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);

    /// <summary>Writes a uuid.</summary>
    public void WriteUuid(Guid value) => value.TryWriteBytes(Take(16), bigEndian: true, out _);

    /// <summary>Writes an unsigned varint.</summary>
    public void WriteVarUInt(uint value)
    {
        while (value >= 0x80)
        {
            Take(1)[0] = (byte)(value | 0x80);
            value >>= 7;
        }

        Take(1)[0] = (byte)value;
    }

    /// <summary>Writes a string or null. One too long for the version is cut off: it is a message for people then.</summary>
    public void WriteString(string? value)
    {
        if (value is null)
        {
            if (IsFlexible) WriteVarUInt(0);
            else WriteInt16(-1);
            return;
        }

        var length = Encoding.UTF8.GetByteCount(value);
        if (length > short.MaxValue)
        {
            WriteString(value[..(short.MaxValue / 4)]);
            return;
        }

        if (IsFlexible) WriteVarUInt((uint)length + 1);
        else WriteInt16((short)length);
        Encoding.UTF8.GetBytes(value, Take(length));
    }

    /// <summary>Writes bytes.</summary>
    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        if (IsFlexible) WriteVarUInt((uint)value.Length + 1);
        else WriteInt32(value.Length);
        value.CopyTo(Take(value.Length));
    }

    /// <summary>Writes the length of an array; its elements follow. -1 for null.</summary>
    public void WriteArrayLength(int length)
    {
        if (IsFlexible) WriteVarUInt((uint)(length + 1));
        else WriteInt32(length);
    }

    /// <summary>Writes an array of int32.</summary>
    public void WriteInt32Array(IReadOnlyList<int> values)
    {
        WriteArrayLength(values.Count);
        for (var i = 0; i < values.Count; i++) WriteInt32(values[i]);
    }

    /// <summary>Writes records, which belong to this writer from now on.</summary>
    public void WriteRecords(RecordBytes records)
    {
        if (IsFlexible) WriteVarUInt((uint)records.Length + 1);
        else WriteInt32(records.Length);
        if (records.Length == 0) return;
        _recordBytes = checked(_recordBytes + records.Length);
        if (_budget is not null && _recordBytes > _charged)
        {
            _budget.Add(_recordBytes - _charged);
            _charged = _recordBytes;
        }

        (_records ??= []).Add((_length, records));
    }

    /// <summary>Writes that there are no tagged fields, in a flexible version; does nothing in another.</summary>
    public void WriteTaggedFields()
    {
        if (IsFlexible) WriteVarUInt(0);
    }

    /// <summary>Has bytes that were let into a budget for this response count as its own, and as many more as its records have.</summary>
    public void Charge(ByteBudget budget, long bytes)
    {
        _budget = budget;
        _charged = bytes;
    }

    /// <summary>Gives the bytes back that were charged, while nothing of the response is in memory yet.</summary>
    public void Discharge()
    {
        _budget?.Leave(_charged);
        _charged = 0;
    }

    /// <summary>The whole frame, its size in front, in the pieces it is sent in. Valid until this is disposed of.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Seal()
    {
        BinaryPrimitives.WriteInt32BigEndian(_buffer, Length - SizePrefixBytes);
        if (_records is null) return [_buffer.AsMemory(0, _length)];
        var pieces = new List<ReadOnlyMemory<byte>>(_records.Count * 2 + 1);
        var sent = 0;
        foreach (var (at, records) in _records)
        {
            if (at > sent) pieces.Add(_buffer.AsMemory(sent, at - sent));
            pieces.Add(records.Memory);
            sent = at;
        }

        if (_length > sent) pieces.Add(_buffer.AsMemory(sent, _length - sent));
        return pieces;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_buffer.Length == 0) return;
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _length = 0;
        _budget?.Leave(_charged);
        if (_records is null) return;
        foreach (ref readonly var piece in CollectionsMarshal.AsSpan(_records)) piece.Records.Dispose();
        _records = null;
    }

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - _length < count) Grow(count);
        var taken = _buffer.AsSpan(_length, count);
        _length += count;
        return taken;
    }

    private void Grow(int count)
    {
        ObjectDisposedException.ThrowIf(_buffer.Length == 0, this);
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(_length + count), _buffer.Length * 2));
        _buffer.AsSpan(0, _length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
