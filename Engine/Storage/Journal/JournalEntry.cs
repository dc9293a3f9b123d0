using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>What an entry of the commit journal says.</summary>
internal enum JournalEntryKind : byte
{
    /// <summary>Bytes of a segment, whole batches.</summary>
    Batches = 1,

    /// <summary>Whatever was said of the log before no longer holds.</summary>
    Void = 2,
}

/// <summary>An entry of the commit journal that was read.</summary>
internal sealed record JournalEntry(
    JournalEntryKind Kind, TopicPartition Partition, Guid TopicId, long SegmentBaseOffset, int Position, byte[] Batches);
