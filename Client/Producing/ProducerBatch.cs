using System.Buffers.Binary;
using System.Runtime.InteropServices;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// One batch from its first record to its outcome. It keeps its producer id, epoch and sequence through all attempts, so that
/// the leader recognises a repeated one.
/// </summary>
internal sealed class ProducerBatch(TopicPartition partition, RecordBatchBuilder builder, long createdAt, Action awaited)
{
    private const int CrcAt = 17, CrcCoversFrom = 21, ProducerIdAt = 43, ProducerEpochAt = 51, BaseSequenceAt = 53;

    public RecordBatchBuilder Builder { get; } = builder;

    public BatchDelivery Delivery { get; } = new(partition, awaited);

    /// <summary>When the first record was buffered, in the time provider's ticks; the delivery timeout counts from here.</summary>
    public long CreatedAt { get; } = createdAt;

    /// <summary>Bytes of the buffer budget that the batch holds.</summary>
    public int ReservedBytes { get; set; }

    /// <summary>The place in the partition's order of sending; 0 until the batch is sent first.</summary>
    public long Ordinal { get; set; }

    /// <summary>Whether the batch has no sequence number of its place yet.</summary>
    public bool NeedsStamp { get; private set; } = true;

    public int Attempts { get; set; }

    /// <summary>Whether all earlier batches had come to their end when the batch was sent last.</summary>
    public bool WasFirst { get; set; }

    /// <summary>Time provider's ticks until which an attempt without an answer may still reach the leader; 0 for none.</summary>
    public long AmbiguousUntil { get; set; }

    /// <summary>Whether an attempt had no answer, so that the buffer may still be read by it.</summary>
    public bool MayStillBeRead => AmbiguousUntil != 0;

    public Memory<byte> Bytes { get; private set; }

    public bool IsStamped => Ordinal != 0;

    /// <summary>Takes its identity from a batch that was surely not stored under it.</summary>
    public void ClearStamp()
    {
        Ordinal = 0;
        NeedsStamp = true;
    }

    /// <summary>Finishes the batch under an identity, its first or a new one.</summary>
    public void Stamp(long producerId, short epoch, int sequence)
    {
        if (MayStillBeRead)
        {
            // An old attempt may be on its way out of this very buffer.
            Bytes = Bytes.ToArray();
            var batch = Bytes.Span;
            BinaryPrimitives.WriteInt64BigEndian(batch[ProducerIdAt..], producerId);
            BinaryPrimitives.WriteInt16BigEndian(batch[ProducerEpochAt..], epoch);
            BinaryPrimitives.WriteInt32BigEndian(batch[BaseSequenceAt..], sequence);
            BinaryPrimitives.WriteUInt32BigEndian(batch[CrcAt..], Crc32C.Compute(batch[CrcCoversFrom..]));
        }
        else
        {
            Builder.SetProducer(producerId, epoch, sequence);
            Bytes = MemoryMarshal.AsMemory(Builder.Build());
        }

        NeedsStamp = false;
    }
}
