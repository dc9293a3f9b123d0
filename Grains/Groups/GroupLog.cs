using OrleansLog.Engine.Groups.Log;
using OrleansLog.Grains.Interfaces;
using OrleansLog.Grains.Partitions;
using OrleansLog.Records;

namespace OrleansLog.Grains.Groups;

/// <summary>
/// Appends a group's records to its partition of <c>__consumer_offsets</c>, in the order they are given. What is given while an
/// append is under way goes into the next one, so that a fsync serves all who wait. Once an append failed, its outcome may be
/// unknown and everything after it is in doubt: the log is <see cref="IsFaulted"/> and refuses all that comes.
/// <para>
/// The coordinator in office writes as an idempotent producer of its own epoch. It takes office by appending a record with the
/// next epoch: from then on the partition refuses what a former coordinator may still send, and all that one did append is
/// before that record.
/// </para>
/// Used on the turns of one grain; not thread-safe.
/// </summary>
internal sealed class GroupLog(
    IPartitionGrain partition, ICatalogGrain catalog, string groupId, int maxBatchBytes, TimeProvider time) : IDisposable
{
    /// <summary>The most calls that may wait for an append.</summary>
    public const int MaxWaiting = 20_000;

    private const int MaxTakeOverAttempts = 8;
    private const int MaxAppendBytes = 4 * 1024 * 1024;
    private static readonly TimeSpan AppendTimeout = TimeSpan.FromSeconds(10);

    private readonly Queue<Entry> _queue = new();
    private readonly GroupBatches _batches = new(maxBatchBytes);
    private readonly List<Entry> _taken = [];
    private Task _running = Task.CompletedTask;
    private Entry? _last;
    private bool _isRegistered;
    private long _producerId = -1;
    private short _producerEpoch;
    private int _sequence;

    /// <summary>Why the log refuses everything; null while it does not.</summary>
    public OrleansLogException? Fault { get; private set; }

    /// <summary>Whether an append failed, and with it the coordinator whose records these are.</summary>
    public bool IsFaulted => Fault is not null;

    /// <summary>Refuses, before anything is changed, when the log is faulted or too many wait already.</summary>
    /// <exception cref="OrleansLogException">CoordinatorNotAvailable.</exception>
    public void CheckReady()
    {
        if (Fault is not null) throw Fault;
        if (_queue.Count < MaxWaiting) return;
        throw new OrleansLogException(
            ErrorCode.CoordinatorNotAvailable, $"{_queue.Count} changes of group '{groupId}' wait to be written; retry later.");
    }

    /// <summary>
    /// Takes office: makes sure that no former coordinator writes any more, and lets <paramref name="reader"/> read what it wrote
    /// until then. A group without records needs none: it is taken over with its first append.
    /// </summary>
    /// <exception cref="OrleansLogException">CoordinatorNotAvailable, or as the partition gives.</exception>
    public async Task TakeOfficeAsync(GroupLogReader reader)
    {
        for (var attempt = 0; attempt < MaxTakeOverAttempts; attempt++)
        {
            (_producerId, _producerEpoch) = reader.ProducerId < 0 || reader.ProducerEpoch + attempt >= short.MaxValue
                ? ((await catalog.AllocateProducerIds(1)).FirstId, (short)0)
                : (reader.ProducerId, (short)(reader.ProducerEpoch + 1 + attempt));
            var office = Guid.NewGuid();
            if (await TryAppendOfficeAsync(office) is { } offset && offset >= reader.Position)
            {
                await reader.ReadAsync(atLeastTo: offset + 1);
                // Another one that took office at the same time may have been taken for this one; then its record is there.
                if (reader.Office == office) return;
            }
            else
            {
                await reader.ReadAsync();
            }
        }

        throw new OrleansLogException(
            ErrorCode.CoordinatorNotAvailable, $"The coordination of group '{groupId}' is contended; retry.");
    }

    /// <summary>
    /// Appends records; returns when they and all given before them are durable. Without records it waits for those before.
    /// </summary>
    /// <param name="records">The records of one call.</param>
    /// <param name="forget">Whether the group ends with them, and is to be listed no more.</param>
    /// <exception cref="OrleansLogException">CoordinatorNotAvailable: whether they were written is not known.</exception>
    public Task AppendAsync(IReadOnlyList<GroupRecord> records, bool forget = false)
    {
        if (Fault is not null) return Task.FromException(Fault);
        if (records.Count == 0 && !forget) return _last?.Done.Task ?? Task.CompletedTask;
        var entry = _last = new Entry(records, time.GetUtcNow().ToUnixTimeMilliseconds(), forget);
        _queue.Enqueue(entry);
        if (_running.IsCompleted) _running = RunAsync();
        return entry.Done.Task;
    }

    /// <summary>Gives the log up: all who wait and all who come are refused.</summary>
    public void Abandon(Exception cause) => Fail(cause);

    /// <summary>Waits until nothing is under way any more; never fails.</summary>
    public Task WhenIdleAsync() => _running;

    /// <inheritdoc/>
    public void Dispose() => _batches.Dispose();

    private async Task RunAsync()
    {
        try
        {
            while (_queue.Count > 0)
            {
                Take();
                if (_batches.RecordCount > 0) await AppendTakenAsync();
                if (_taken[^1].Forget)
                {
                    await catalog.UnregisterGroup(groupId);
                    _isRegistered = false;
                }

                foreach (var entry in _taken) entry.Done.TrySetResult();
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }

        // Who asks later need not wait for anything.
        if (_queue.Count == 0) _last = null;
    }

    private void Take()
    {
        _taken.Clear();
        _batches.Reset();
        while (_queue.TryPeek(out var entry) && (_taken.Count == 0 || _batches.SizeInBytes < MaxAppendBytes))
        {
            _taken.Add(_queue.Dequeue());
            foreach (var record in entry.Records) _batches.Add(record, entry.TimestampMs);
            if (entry.Forget) break;
        }
    }

    private async Task AppendTakenAsync()
    {
        if (_producerId < 0) _producerId = (await catalog.AllocateProducerIds(1)).FirstId;
        if (!_isRegistered && !_taken[^1].Forget)
        {
            await catalog.RegisterGroup(groupId);
            _isRegistered = true;
        }

        try
        {
            await ProduceAsync(_batches.Build(_producerId, _producerEpoch, _sequence));
        }
        catch (OrleansLogException e) when (e.Error == ErrorCode.UnknownProducerId && _producerEpoch < short.MaxValue)
        {
            // A partition forgets producers that wrote nothing for long. Nothing was written; a new epoch begins at 0.
            _producerEpoch++;
            _sequence = 0;
            await ProduceAsync(_batches.Build(_producerId, _producerEpoch, _sequence));
        }

        _sequence = GroupBatches.Next(_sequence, _batches.RecordCount);
    }

    private async Task<ProduceResponse> ProduceAsync(RecordBytes records)
    {
        using (InternalWrites.Allow())
            return await partition.Produce(new ProduceRequest(records, Acks: -1, (int)AppendTimeout.TotalMilliseconds));
    }

    /// <summary>Appends the record of taking office; its offset, or null when a later coordinator has done so before.</summary>
    private async Task<long?> TryAppendOfficeAsync(Guid office)
    {
        _batches.Reset();
        // The tombstone of an offset that there never is: every reader passes over it, and the cleaner takes it away.
        _batches.Add(
            new OffsetRecord(groupId, "", -1, null),
            time.GetUtcNow().ToUnixTimeMilliseconds(),
            [new RecordHeader(GroupLogReader.OfficeHeader, office.ToByteArray())]);
        try
        {
            var response = await ProduceAsync(_batches.Build(_producerId, _producerEpoch, 0));
            _sequence = 1;
            return response.BaseOffsets[0];
        }
        catch (OrleansLogException e) when (e.Error is ErrorCode.InvalidProducerEpoch or ErrorCode.ProducerFenced
            or ErrorCode.OutOfOrderSequenceNumber or ErrorCode.DuplicateSequenceNumber)
        {
            return null;
        }
    }

    private void Fail(Exception cause)
    {
        Fault ??= cause is OrleansLogException { Error: ErrorCode.PolicyViolation or ErrorCode.RecordTooLarge } refused
            ? refused
            : new OrleansLogException(
                ErrorCode.CoordinatorNotAvailable,
                $"A change of group '{groupId}' could not be written, or whether it was is not known: {cause.Message} Retry.",
                cause);
        foreach (var entry in _taken.Concat(_queue))
        {
            entry.Done.TrySetException(Fault);
            _ = entry.Done.Task.Exception; // seen: not every caller is still there to look
        }

        _queue.Clear();
    }

    private sealed class Entry(IReadOnlyList<GroupRecord> records, long timestampMs, bool forget)
    {
        public IReadOnlyList<GroupRecord> Records { get; } = records;

        public long TimestampMs { get; } = timestampMs;

        public bool Forget { get; } = forget;

        // Those who wait go on in turns of their own, not within the loop.
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
