using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Tests.Grains.Groups;

/// <summary>A partition of <c>__consumer_offsets</c> in memory, with a producer's epochs and sequence numbers, that can be told
/// to hold appends back or to fail them.</summary>
internal sealed class FakeOffsetsPartition : IPartitionGrain
{
    private readonly Lock _lock = new();
    private readonly List<(long Base, byte[] Bytes)> _batches = [];
    private readonly Dictionary<long, (short Epoch, int NextSequence, long LastBase)> _producers = [];
    private long _end;

    /// <summary>What every append waits for.</summary>
    public Func<Task> BeforeAppend { get; set; } = () => Task.CompletedTask;

    /// <summary>What every append that was carried out ends with.</summary>
    public Func<Task> AfterAppend { get; set; } = () => Task.CompletedTask;

    public int AppendCount { get; private set; }

    /// <summary>How much of it is known to be committed, when that is not all: so it is with a leader that is new.</summary>
    public long? KnownCommitted { get; set; }

    public async Task<ProduceResponse> Produce(ProduceRequest request)
    {
        await BeforeAppend();
        long[] offsets;
        lock (_lock)
        {
            AppendCount++;
            offsets = [.. Append(request.Records.Memory.ToArray())];
        }

        await AfterAppend();
        return new ProduceResponse(offsets, -1, 0, 0);
    }

    public Task<FetchResponse> Fetch(FetchRequest request, CancellationToken cancellationToken = default)
    {
        lock (_lock)
        {
            // One batch at a time, so that readers have to go on.
            var next = _batches.FirstOrDefault(batch => RecordBatch.Validate(batch.Bytes).NextOffset > request.Offset);
            var end = KnownCommitted ?? _end;
            var records = next.Bytes is null || next.Base >= end ? RecordBytes.Empty : RecordBytes.Borrow(next.Bytes.ToArray());
            return Task.FromResult(new FetchResponse(records, end, end, 0, 0));
        }
    }

    public Task<OffsetAndTimestamp> ListOffsets(long timestamp, bool readCommitted = false, int currentLeaderEpoch = -1) => Task.FromResult(new OffsetAndTimestamp(0, -1, 0));

    public Task<EpochEndOffset> OffsetForLeaderEpoch(int leaderEpoch, int currentLeaderEpoch = -1) => throw new NotSupportedException();

    public Task<long> DeleteRecords(long beforeOffset) => throw new NotSupportedException();

    public Task<PartitionDescription> Describe() => throw new NotSupportedException();

    public Task LookAt(int nodeId) => throw new NotSupportedException();

    public Task ApplyConfig(TopicDescription topic) => throw new NotSupportedException();

    public Task<int> Lead() => throw new NotSupportedException();

    public Task<int> HandOver(int? successor) => throw new NotSupportedException();

    public Task Reassign(IReadOnlyList<int>? replicas) => throw new NotSupportedException();

    public Task Delete() => throw new NotSupportedException();

    /// <summary>As if they had written nothing for long.</summary>
    public void ForgetProducers() => _producers.Clear();

    private IEnumerable<long> Append(ReadOnlyMemory<byte> batches)
    {
        while (RecordBatch.TryReadNext(ref batches, out var batch, out var header))
        {
            if (!_producers.TryGetValue(header.ProducerId, out var known))
            {
                if (header.BaseSequence != 0) throw new OrleansLogException(ErrorCode.UnknownProducerId, "It is not known.");
                known = (header.ProducerEpoch, 0, -1);
            }

            if (header.ProducerEpoch < known.Epoch)
                throw new OrleansLogException(ErrorCode.InvalidProducerEpoch, $"Epoch {header.ProducerEpoch} is fenced by {known.Epoch}.");
            var expected = header.ProducerEpoch > known.Epoch ? 0 : known.NextSequence;
            if (header.BaseSequence + header.RecordCount == expected)
            {
                yield return known.LastBase; // sent before
                continue;
            }

            if (header.BaseSequence != expected)
                throw new OrleansLogException(ErrorCode.OutOfOrderSequenceNumber, $"{header.BaseSequence} came, not {expected}.");
            var bytes = batch.ToArray();
            RecordBatch.SetBaseOffset(bytes, _end);
            _producers[header.ProducerId] = (header.ProducerEpoch, header.BaseSequence + header.RecordCount, _end);
            _batches.Add((_end, bytes));
            yield return _end;
            _end += header.RecordCount;
        }
    }
}
