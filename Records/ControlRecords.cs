using System.Buffers.Binary;

namespace OrleansLog.Records;

/// <summary>
/// Writes and reads the markers that end a transaction in a partition: a control batch of one record. Its key is a version
/// (int16, 0) and a type (int16, 0 abort, 1 commit), its value a version (int16, 0) and the coordinator epoch (int32).
/// A reader passes over later versions' extra bytes. Thread-safe.
/// </summary>
public static class ControlRecords
{
    private const int KeySize = 4, ValueSize = 6;
    private const short CurrentVersion = 0, AbortType = 0, CommitType = 1;

    /// <summary>Makes a whole batch, with base offset 0 and leader epoch -1, that ends a producer's transaction.</summary>
    public static byte[] WriteEndTransaction(long timestampMs, long producerId, short producerEpoch, EndTransactionMarker marker)
    {
        Span<byte> key = stackalloc byte[KeySize];
        BinaryPrimitives.WriteInt16BigEndian(key, CurrentVersion);
        BinaryPrimitives.WriteInt16BigEndian(key[2..], marker.IsCommit ? CommitType : AbortType);
        Span<byte> value = stackalloc byte[ValueSize];
        BinaryPrimitives.WriteInt16BigEndian(value, CurrentVersion);
        BinaryPrimitives.WriteInt32BigEndian(value[2..], marker.CoordinatorEpoch);

        using var builder = new RecordBatchBuilder(RecordBatchHeader.Size);
        builder.SetProducer(producerId, producerEpoch, baseSequence: -1, transactional: true);
        builder.TryAppend(timestampMs, key, hasKey: true, value, hasValue: true);
        var batch = builder.Build().ToArray();
        var attributes = BinaryPrimitives.ReadInt16BigEndian(batch.AsSpan(RecordBatchHeader.AttributesAt));
        attributes |= RecordBatchHeader.ControlMask;
        BinaryPrimitives.WriteInt16BigEndian(batch.AsSpan(RecordBatchHeader.AttributesAt), attributes);
        RecordBatch.WriteCrc(batch);
        return batch;
    }

    /// <summary>
    /// Reads the marker in a record of a control batch; false when the record is of another control type, which a reader
    /// passes over.
    /// </summary>
    /// <exception cref="OrleansLogException"><see cref="ErrorCode.CorruptMessage"/>: the record is too short.</exception>
    public static bool TryReadEndTransaction(in Record record, out EndTransactionMarker marker)
    {
        marker = default;
        var key = record.Key.Span;
        if (key.Length < KeySize)
        {
            throw Fault.Corrupt($"The key of the control record at offset {record.Offset} has {key.Length} bytes of {KeySize}.");
        }

        var type = BinaryPrimitives.ReadInt16BigEndian(key[2..]);
        if (type is not (AbortType or CommitType)) return false;
        var value = record.Value.Span;
        if (value.Length < ValueSize)
        {
            throw Fault.Corrupt($"The transaction marker at offset {record.Offset} has {value.Length} bytes of {ValueSize}.");
        }

        marker = new EndTransactionMarker(type == CommitType, BinaryPrimitives.ReadInt32BigEndian(value[2..]));
        return true;
    }
}
