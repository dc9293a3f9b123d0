using System.Buffers;
using System.Runtime.InteropServices;
using OrleansLog.Engine.Groups.Log;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>
/// Encodes group records into batches. The memory is kept from one use to the next, so what <see cref="Build"/> returned is
/// valid until <see cref="Reset"/>. Not thread-safe.
/// </summary>
internal sealed class GroupBatches(int maxBatchBytes) : IDisposable
{
    // A burst of commits may need several batches; their memory is given back when it is over.
    private const int KeptBuilders = 2;

    private readonly List<RecordBatchBuilder> _builders = [];
    private readonly ArrayBufferWriter<byte> _key = new(), _value = new();
    private readonly Dictionary<Guid, RecordHeader[]> _topicHeaders = [];
    private int _used;

    /// <summary>How many records there are in all batches.</summary>
    public int RecordCount { get; private set; }

    /// <summary>About how many bytes all batches have.</summary>
    public long SizeInBytes => _builders.Take(_used).Sum(builder => (long)builder.EstimatedSizeInBytes);

    /// <summary>Adds a record.</summary>
    /// <exception cref="OrleansLogException">RecordTooLarge.</exception>
    public void Add(GroupRecord record, long timestampMs) =>
        Add(record, timestampMs, record is OffsetRecord { Value: { } offset } ? HeadersFor(offset.TopicId) : null);

    /// <summary>Adds a record with headers.</summary>
    /// <exception cref="OrleansLogException">RecordTooLarge.</exception>
    public void Add(GroupRecord record, long timestampMs, RecordHeader[]? headers)
    {
        _key.ResetWrittenCount();
        _value.ResetWrittenCount();
        GroupRecordWriter.WriteKey(record, _key);
        var hasValue = GroupRecordWriter.WriteValue(record, _value);
        if (_used == 0 || !Last.TryAppend(timestampMs, _key.WrittenSpan, true, _value.WrittenSpan, hasValue, headers))
        {
            if (_used == _builders.Count) _builders.Add(new RecordBatchBuilder(maxBatchBytes));
            _used++;
            if (!Last.TryAppend(timestampMs, _key.WrittenSpan, true, _value.WrittenSpan, hasValue, headers))
            {
                throw new OrleansLogException(
                    ErrorCode.RecordTooLarge, $"A record of group '{record.GroupId}' has {_value.WrittenCount} bytes; that is too many.");
            }
        }

        RecordCount++;
    }

    /// <summary>Finishes the batches, as those of an idempotent producer.</summary>
    /// <param name="producerId">Its id.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="sequence">The sequence number of the first record.</param>
    public RecordBytes Build(long producerId, short epoch, int sequence)
    {
        var segments = new ReadOnlyMemory<byte>[_used];
        for (var i = 0; i < _used; i++)
        {
            _builders[i].SetProducer(producerId, epoch, sequence);
            sequence = Next(sequence, _builders[i].RecordCount);
            segments[i] = _builders[i].Build();
        }

        return segments.Length == 1
            ? RecordBytes.Borrow(MemoryMarshal.AsMemory(segments[0]))
            : RecordBytes.Borrow(segments);
    }

    /// <summary>The sequence number after <paramref name="count"/> records; it goes on from 0 after the greatest int.</summary>
    public static int Next(int sequence, int count) => unchecked(sequence + count) & int.MaxValue;

    /// <summary>Forgets all records; what was built may no longer be used.</summary>
    public void Reset()
    {
        for (var i = _builders.Count - 1; i >= 0; i--)
        {
            if (i < KeptBuilders)
            {
                _builders[i].Reset();
                continue;
            }

            _builders[i].Dispose();
            _builders.RemoveAt(i);
        }

        _used = 0;
        RecordCount = 0;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var builder in _builders) builder.Dispose();
        _builders.Clear();
        _used = 0;
    }

    private RecordBatchBuilder Last => _builders[_used - 1];

    private RecordHeader[]? HeadersFor(Guid topicId)
    {
        if (topicId == Guid.Empty) return null;
        if (_topicHeaders.TryGetValue(topicId, out var headers)) return headers;
        if (_topicHeaders.Count >= 1000) _topicHeaders.Clear();
        headers = [new RecordHeader(GroupRecordWriter.TopicIdHeader, topicId.ToByteArray(bigEndian: true))];
        _topicHeaders.Add(topicId, headers);
        return headers;
    }
}
