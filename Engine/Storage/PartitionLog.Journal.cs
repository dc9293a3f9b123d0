namespace OrleansLog.Engine.Storage;

/// <summary>The log's part in the commit journal, by which several logs become durable with one fsync.</summary>
public sealed partial class PartitionLog : IJournaledLog
{
    private readonly CommitJournal? _journal;
    private readonly JournalLog? _journalLog;

    // Up to where the active segment's bytes are durable, here or in the journal; valid while nothing was truncated since. Under the flush lock.
    private DurableEnd _durable;
    private DurableEnd _collected;

    private readonly record struct DurableEnd(LogSegment? Segment, int Position, int Truncations);

    /// <inheritdoc/>
    JournalLog? IJournaledLog.Journal => _journalLog;

    /// <inheritdoc/>
    // Without the lock, so that whoever queues the log does not wait for a flush of it: Collect looks again.
    bool IJournaledLog.MayShare =>
        _journal is not null && Volatile.Read(ref _segments)[^1].SizeInBytes - _durable.Position is >= 0 and var bytes
        && bytes <= _journal.MaxBytesOfLog;

    /// <inheritdoc/>
    JournalShare IJournaledLog.Collect(JournalRound round)
    {
        if (_journal is null) return JournalShare.Refused;
        var generation = _journal.GenerationOf(_journalLog!); // before the bytes are read
        if (generation < 0) return JournalShare.Refused;
        lock (_flushLock)
        {
            // The segment first: one that takes its place from now on is noted in the queues before.
            var active = Volatile.Read(ref _segments)[^1];
            var truncations = Volatile.Read(ref _truncations);
            if (Volatile.Read(ref _closed) || Offline is not null || _directoryDirty || !_unsealed.IsEmpty || !_pendingSnapshots.IsEmpty
                || !ReferenceEquals(_durable.Segment, active) || _durable.Truncations != truncations || !active.TryAcquire())
                return JournalShare.Refused;
            try
            {
                var size = active.SizeInBytes;
                var count = size - _durable.Position;
                if (count == 0) return JournalShare.Nothing;
                if (count < 0 || count > _journal.MaxBytesOfLog || !round.TryAdd(_journalLog!, generation, active.BaseOffset, _durable.Position, count, out var batches))
                    return JournalShare.Refused;
                if (active.File.Read(batches, _durable.Position) == count)
                {
                    _collected = new DurableEnd(active, size, truncations);
                    return JournalShare.Collected;
                }

                round.RemoveLast();
                return JournalShare.Refused;
            }
            catch (Exception failure) when (failure is IOException or Records.OrleansLogException)
            {
                // The round of its own meets it, too, and deals with it.
                round.RemoveLast();
                return JournalShare.Refused;
            }
            finally
            {
                active.Release();
            }
        }
    }

    /// <inheritdoc/>
    void IJournaledLog.NoteJournaled()
    {
        lock (_flushLock) _durable = _collected;
        _owner.OnFlushed(this);
    }

    /// <summary>Makes durable in its own files what the journal has of the log; false when that failed or cannot be tried.</summary>
    internal bool Settle() => Offline is null && FlushFiles();

    /// <summary>
    /// Does what changes or removes bytes that were written before; what the journal has of the log is void before that. Under the append lock.
    /// </summary>
    /// <exception cref="IOException">The disk failed.</exception>
    private void OutsideJournal(Action action)
    {
        if (_journal is null)
        {
            action();
            return;
        }

        _journal.Bar(_journalLog!);
        try
        {
            if (_journal.HasEntries(_journalLog!))
            {
                foreach (var closed in _unsealed) TryFlush(closed);
                TryFlush(Active);
                _journal.Void(_journalLog!);
            }

            action();
        }
        finally
        {
            _journal.Unbar(_journalLog!);
        }
    }
}
