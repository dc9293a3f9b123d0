using System.Text;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;
using Xunit;

namespace OrleansLog.Tests.Client.Fakes;

/// <summary>
/// A partition's leader in memory, with a real leader's word on sequence numbers: five batches remembered, a gap refused. A test
/// stands in its way before and after an append.
/// </summary>
internal sealed class FakePartition(TopicPartition partition) : IPartitionGrain
{
    private readonly Lock _gate = new();
    private readonly List<(RecordBatchHeader Header, byte[] Bytes)> _batches = [];
    private readonly Dictionary<long, List<RecordBatchHeader>> _producers = [];
    private TaskCompletionSource _appended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _requests;

    public bool IsUnknown { get; set; }

    public long LogStartOffset { get; set; }

    /// <summary>The node that answers say leads; -1 for none.</summary>
    public int LeaderNode { get; set; } = -1;

    public long EndOffset { get; private set; }

    /// <summary>Runs before a request (counted from 1) is looked at; what it throws is the answer.</summary>
    public Func<int, RecordBatchHeader, Task>? BeforeAppend { get; set; }

    /// <summary>Runs after the batch of a request was stored; what it throws is the answer.</summary>
    public Func<int, RecordBatchHeader, Task>? AfterAppend { get; set; }

    /// <summary>Runs before a fetch; what it throws is the answer.</summary>
    public Func<FetchRequest, Task>? BeforeFetch { get; set; }

    /// <summary>Headers of all requests in the order in which they arrived.</summary>
    public List<RecordBatchHeader> Arrived { get; } = [];

    public List<RecordBatchHeader> Stored
    {
        get
        {
            lock (_gate) return [.. _batches.Select(static batch => batch.Header)];
        }
    }

    /// <summary>Flips a bit of the last batch stored.</summary>
    public void Damage()
    {
        lock (_gate) _batches[^1].Bytes[^1] ^= 1;
    }

    public void ForgetProducers()
    {
        lock (_gate) _producers.Clear();
    }

    public List<(long Offset, string? Key, string? Value)> Read()
    {
        lock (_gate)
        {
            var records = new List<(long, string?, string?)>();
            foreach (var (_, bytes) in _batches)
            {
                using var reader = new RecordBatchReader(bytes);
                while (reader.MoveNext())
                {
                    var record = reader.Current;
                    records.Add((
                        record.Offset,
                        record.HasKey ? Encoding.UTF8.GetString(record.Key.Span) : null,
                        record.HasValue ? Encoding.UTF8.GetString(record.Value.Span) : null));
                }
            }

            return records;
        }
    }

    public async Task<ProduceResponse> Produce(ProduceRequest request)
    {
        var bytes = request.Records.Memory;
        var header = RecordBatch.Validate(bytes.Span);
        Assert.Equal(request.Records.Length, header.SizeInBytes); // one batch a request
        int number;
        lock (_gate)
        {
            number = ++_requests;
            Arrived.Add(header);
        }

        if (IsUnknown) throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"There is no {partition}.");
        if (BeforeAppend is not null) await BeforeAppend(number, header);
        var offset = Append(header, bytes);
        if (AfterAppend is not null) await AfterAppend(number, header);
        return new ProduceResponse([request.Acks == 0 ? -1 : offset], -1, LogStartOffset, 0, LeaderNode);
    }

    public async Task<FetchResponse> Fetch(FetchRequest request, CancellationToken cancellationToken = default)
    {
        if (BeforeFetch is not null) await BeforeFetch(request);
        var response = TryFetch(request, out var appended);
        if (response is not null) return response;
        await Task.WhenAny(appended, Task.Delay(request.MaxWaitMs, cancellationToken));
        cancellationToken.ThrowIfCancellationRequested();
        return TryFetch(request, out _) ?? new FetchResponse(RecordBytes.Empty, EndOffset, EndOffset, LogStartOffset, 0);
    }

    public Task<OffsetAndTimestamp> ListOffsets(long timestamp, bool readCommitted = false, int currentLeaderEpoch = -1)
    {
        lock (_gate)
        {
            if (timestamp == OffsetSpec.Latest) return Task.FromResult(new OffsetAndTimestamp(EndOffset, -1, 0));
            if (timestamp == OffsetSpec.Earliest) return Task.FromResult(new OffsetAndTimestamp(LogStartOffset, -1, 0));
            foreach (var (_, bytes) in _batches)
            {
                using var reader = new RecordBatchReader(bytes);
                while (reader.MoveNext())
                {
                    if (reader.Current.TimestampMs >= timestamp)
                        return Task.FromResult(new OffsetAndTimestamp(reader.Current.Offset, reader.Current.TimestampMs, 0));
                }
            }

            return Task.FromResult(new OffsetAndTimestamp(-1, -1, -1));
        }
    }

    public Task<EpochEndOffset> OffsetForLeaderEpoch(int leaderEpoch, int currentLeaderEpoch = -1) => throw new NotSupportedException();

    public Task<long> DeleteRecords(long beforeOffset) => throw new NotSupportedException();

    public Task<PartitionDescription> Describe() => throw new NotSupportedException();

    public Task LookAt(int nodeId) => throw new NotSupportedException();

    public Task ApplyConfig(TopicDescription topic) => throw new NotSupportedException();

    public Task<int> Lead() => throw new NotSupportedException();

    public Task<int> HandOver(int? successor) => throw new NotSupportedException();

    public Task Reassign(IReadOnlyList<int>? replicas) => throw new NotSupportedException();

    public Task Delete() => throw new NotSupportedException();

    private FetchResponse? TryFetch(FetchRequest request, out Task appended)
    {
        lock (_gate)
        {
            appended = _appended.Task;
            if (IsUnknown) throw new OrleansLogException(ErrorCode.UnknownTopicOrPartition, $"There is no {partition}.");
            if (request.Offset < LogStartOffset || request.Offset > EndOffset)
                throw new OrleansLogException(
                    ErrorCode.OffsetOutOfRange, $"Offset {request.Offset} is outside of {LogStartOffset} to {EndOffset}.");
            var size = 0;
            var batches = _batches.SkipWhile(batch => batch.Header.NextOffset <= request.Offset)
                .TakeWhile(batch => (size += batch.Bytes.Length) <= request.MaxBytes || size == batch.Bytes.Length).ToList();
            if (batches.Count == 0) return null;
            var records = RecordBytes.Rent(batches.Sum(static batch => batch.Bytes.Length));
            var at = 0;
            foreach (var (_, bytes) in batches)
            {
                bytes.CopyTo(records.Memory.Span[at..]);
                at += bytes.Length;
            }

            return new FetchResponse(records, EndOffset, EndOffset, LogStartOffset, 0);
        }
    }

    private long Append(RecordBatchHeader header, Memory<byte> bytes)
    {
        lock (_gate)
        {
            if (header.HasProducerId && FindDuplicate(header) is { } duplicate) return duplicate;
            var stored = bytes.ToArray();
            RecordBatch.SetBaseOffset(stored, EndOffset);
            RecordBatchHeader.TryRead(stored, out var placed);
            _batches.Add((placed, stored));
            EndOffset = placed.NextOffset;
            if (header.HasProducerId)
            {
                var known = _producers[header.ProducerId];
                known.Add(placed);
                if (known.Count > 5) known.RemoveAt(0);
            }

            _appended.SetResult();
            _appended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return placed.BaseOffset;
        }
    }

    private long? FindDuplicate(RecordBatchHeader header)
    {
        if (!_producers.TryGetValue(header.ProducerId, out var known)) _producers[header.ProducerId] = known = [];
        if (known.Count == 0)
            return header.BaseSequence == 0 ? null
                : throw new OrleansLogException(ErrorCode.UnknownProducerId, $"Producer {header.ProducerId} is not known.");
        var last = known[^1];
        if (header.ProducerEpoch < last.ProducerEpoch)
            throw new OrleansLogException(ErrorCode.InvalidProducerEpoch, $"Epoch {header.ProducerEpoch} is below {last.ProducerEpoch}.");
        if (header.ProducerEpoch > last.ProducerEpoch)
        {
            if (header.BaseSequence == 0) return null;
        }
        else
        {
            foreach (var batch in known)
            {
                if (batch.ProducerEpoch == header.ProducerEpoch && batch.BaseSequence == header.BaseSequence) return batch.BaseOffset;
            }

            if (header.BaseSequence == last.LastSequence + 1) return null;
        }

        throw new OrleansLogException(
            ErrorCode.OutOfOrderSequenceNumber, $"Sequence {header.BaseSequence} does not follow {last.LastSequence}.");
    }
}
