using System.Text;
using OrleansLog.Engine.Groups;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>
/// Reads one group's records out of its partition of <c>__consumer_offsets</c>, a chunk at a time, into a coordinator. Others'
/// records in the partition are passed over without being decoded.
/// </summary>
internal sealed class GroupLogReader(IPartitionGrain partition, string groupId, GroupCoordinator coordinator)
{
    /// <summary>The name of the record header by which a coordinator recognizes the record with which it took office.</summary>
    public const string OfficeHeader = "coordinator";

    private const int ChunkBytes = 1024 * 1024;
    private const int MaxWaitMs = 2_000;

    private readonly byte[] _groupUtf8 = Encoding.UTF8.GetBytes(groupId);
    private long _next = -1;

    /// <summary>The offset up to which has been read.</summary>
    public long Position => _next;

    /// <summary>Whether any record of the group was found.</summary>
    public bool FoundAny { get; private set; }

    /// <summary>The producer id of the last of them; -1 when it has none.</summary>
    public long ProducerId { get; private set; } = -1;

    /// <summary>The producer epoch of the last of them.</summary>
    public short ProducerEpoch { get; private set; } = -1;

    /// <summary>Which coordinator the last record of taking office is of; empty for none.</summary>
    public Guid Office { get; private set; }

    /// <summary>How many records could not be read.</summary>
    public int MalformedCount { get; private set; }

    /// <summary>How many records are of a version that is not known.</summary>
    public int UnknownCount { get; private set; }

    /// <summary>Reads what is committed by now, and up to <paramref name="atLeastTo"/> whatever it takes.</summary>
    /// <exception cref="OrleansLogException">As the partition gives.</exception>
    public async Task ReadAsync(long atLeastTo = 0)
    {
        if (_next < 0) _next = (await partition.ListOffsets(OffsetSpec.Earliest)).Offset;
        long end;
        do
        {
            var response = await partition.Fetch(
                new FetchRequest(_next, ChunkBytes, MaxWaitMs: _next < atLeastTo ? MaxWaitMs : 0));
            using var records = response.Records;
            end = Math.Max(response.HighWatermark, atLeastTo);
            if (records.Length > 0) ReadBatches(records.Memory);
            else _next = response.HighWatermark; // the cleaner may have left nothing up to there
            if (records.Length == 0 && _next < end)
            {
                throw new OrleansLogException(
                    ErrorCode.CoordinatorLoadInProgress, $"The records of group '{groupId}' from offset {_next} on cannot be read yet.");
            }
        }
        while (_next < end);
    }

    private void ReadBatches(ReadOnlyMemory<byte> buffer)
    {
        using var reader = new RecordBatchReader(new RecordBatchReaderOptions { UsePooledMemory = true });
        while (RecordBatch.TryReadNext(ref buffer, out var batch, out var header))
        {
            if (!header.IsControl && header.NextOffset > _next)
            {
                reader.Reset(batch);
                ReadBatch(reader, header);
            }

            _next = Math.Max(_next, header.NextOffset);
        }
    }

    private void ReadBatch(RecordBatchReader reader, in RecordBatchHeader header)
    {
        while (reader.MoveNext())
        {
            ref readonly var record = ref reader.Current;
            var isOurs = record.HasKey && GroupRecordReader.IsOfGroup(record.Key.Span, _groupUtf8);
            // A producer writes for one group, so that the first record tells of all.
            if (!isOurs && header.HasProducerId) return;
            if (isOurs && record.Offset >= _next) Replay(record, header);
        }
    }

    private void Replay(in Record record, in RecordBatchHeader header)
    {
        FoundAny = true;
        if (header.HasProducerId) (ProducerId, ProducerEpoch) = (header.ProducerId, header.ProducerEpoch);
        ReadOnlySpan<byte> topicId = [];
        foreach (var entry in record.Headers)
        {
            if (entry.Key == GroupRecordWriter.TopicIdHeader) topicId = entry.Value.Span;
            else if (entry.Key == OfficeHeader && entry.Value.Length == 16) Office = new Guid(entry.Value.Span);
        }

        switch (GroupRecordReader.Read(record.Key.Span, record.Value.Span, record.HasValue, topicId, out var read))
        {
            case GroupRecordStatus.Read: coordinator.Replay(read!, record.TimestampMs); break;
            case GroupRecordStatus.UnknownVersion: UnknownCount++; break;
            default: MalformedCount++; break;
        }
    }
}
