using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>What a log keeps for its part in replication. A log that is not replicated has none of it, and no file for it.</summary>
public sealed partial class PartitionLog
{
    private ReplicaState _replica = ReplicaState.None;
    private int _fencedEpoch = -1;
    private long _committedOffset = long.MaxValue;

    /// <summary>
    /// The greatest leader epoch that this replica has seen, kept over restarts; -1 for none. An older leader may not append.
    /// </summary>
    public int FencedEpoch => Volatile.Read(ref _fencedEpoch);

    /// <summary>
    /// The first offset from which records that this replica once held are damaged or missing; -1 while nothing is known to be.
    /// A replica that has lost some must not lead before another has filled it up.
    /// </summary>
    public long DamagedFrom
    {
        get
        {
            lock (_corruptRegions)
            {
                var first = _replica.SuspectFrom < 0 ? long.MaxValue : _replica.SuspectFrom;
                foreach (var region in _corruptRegions) first = Math.Min(first, region.FirstOffset);
                return first == long.MaxValue ? -1 : first;
            }
        }
    }

    /// <summary>Whether records that this replica once held may be missing at its end; those that follow it would lose them, too.</summary>
    public bool IsShort
    {
        get
        {
            lock (_corruptRegions) return _replica.IsShort;
        }
    }

    /// <summary>
    /// The offset up to which records are committed in a replicated log, as far as this replica knows; retention and compaction
    /// stop there. <see cref="long.MaxValue"/> in one that is not replicated.
    /// </summary>
    internal long CommittedOffset => Volatile.Read(ref _committedOffset);

    /// <summary>The offset up to which retention and compaction may work.</summary>
    internal long CleanableOffset => Math.Min(FlushedOffset, CommittedOffset);

    /// <summary>Where records count as held: when durable, or when written where the topic's flush settings are relaxed.</summary>
    internal long HeldEndOffset => Config.FlushesEveryAppend ? FlushedOffset : LogEndOffset;

    /// <summary>
    /// Notes, durably, that a leader of this epoch is known; an epoch that is not above the one known changes nothing. A log that
    /// never knew of any, and becomes a follower's, is held for one that lost what it had until a leader has looked at it.
    /// </summary>
    /// <exception cref="OrleansLogException">The log is offline or closed, or the disk failed just now.</exception>
    internal void RaiseFencedEpoch(int epoch, bool asFollower = false)
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            if (epoch <= _replica.FencedEpoch) return;
            var isNewcomer = asFollower && _replica is { FencedEpoch: < 0, SuspectFrom: < 0 };
            KeepReplica(new ReplicaState(epoch, isNewcomer ? LogEndOffset : _replica.SuspectFrom, isNewcomer || _replica.IsShort));
        }
    }

    /// <summary>Notes, durably, that records from the offset on are damaged, or missing.</summary>
    internal void MarkSuspect(long fromOffset, bool isShort = false)
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            var isKnown = _replica.SuspectFrom >= 0 && _replica.SuspectFrom <= fromOffset;
            if (isKnown && (_replica.IsShort || !isShort)) return;
            KeepReplica(_replica with { SuspectFrom = isKnown ? _replica.SuspectFrom : fromOffset, IsShort = isShort || _replica.IsShort });
        }
    }

    /// <summary>Notes, durably, that what was damaged or missing has been filled up, or is on its way from a leader that knows.</summary>
    internal void MarkWhole()
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            if (_replica.SuspectFrom >= 0) KeepReplica(_replica with { SuspectFrom = -1, IsShort = false });
        }
    }

    /// <summary>Forgets epochs that were begun at the log's end and in which nothing was appended: another leader's may go there.</summary>
    internal void ForgetEmptyEpochs()
    {
        lock (_appendLock)
        {
            ThrowIfUnusable();
            Guarded("Writing the leader epochs", () => _epochs.TruncateFromEnd(_logEndOffset));
        }
    }

    /// <summary>Notes how far the log is known to be committed; from then on retention and compaction heed it.</summary>
    internal void NoteCommitted(long offset) => Volatile.Write(ref _committedOffset, offset);

    /// <summary>The latest epochs, the newest first, and whether there are more.</summary>
    internal (IReadOnlyList<EpochEntry> Entries, bool HasMore) LatestEpochs(int max) => _epochs.Latest(max);

    /// <summary>
    /// Reads batches for another replica: as <see cref="Read"/>, and their leader epochs, which no CRC covers, are held against what
    /// the log knows of its epochs.
    /// </summary>
    /// <exception cref="OrleansLogException">As for <see cref="Read"/>.</exception>
    internal LogRead ReadForReplica(long offset, int maxBytes)
    {
        var truncations = Volatile.Read(ref _truncations);
        var active = Volatile.Read(ref _segments)[^1];
        var end = LogEndOffset;
        var read = Read(offset, maxBytes);
        // The active segment is never compacted: each of its offsets is there.
        var isThere = read.Length > 0 && RecordBatchHeader.TryRead(read.Memory.Span, out var first) && first.BaseOffset <= offset;
        if (!isThere && offset >= active.BaseOffset && offset < end && truncations == Volatile.Read(ref _truncations))
        {
            read.Dispose();
            throw Corrupt(offset, new CorruptRegion(active.LogPath, active.SizeInBytes, 0, offset, end, "a batch is not where it was"));
        }

        for (var rest = read.Memory.Span; RecordBatchHeader.TryRead(rest, out var header); rest = rest[(int)header.SizeInBytes..])
        {
            var epoch = _epochs.EpochOf(header.BaseOffset);
            if (epoch < 0 || epoch == header.PartitionLeaderEpoch || header.BaseOffset < LogStartOffset) continue;
            read.Dispose();
            throw Corrupt(header.BaseOffset, WrongEpoch(header, epoch));
        }

        return read;
    }

    /// <summary>
    /// Reads the whole log once; false when something of it is damaged, or a file of it is not there any more though it is still
    /// open, which <see cref="DamagedFrom"/> tells from then on.
    /// </summary>
    /// <param name="bytesAtATime">About how much is read at a time.</param>
    /// <param name="onRead">Hears how many bytes were read, and may take its time.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="OrleansLogException">The disk failed, or the log was closed.</exception>
    internal bool Scrub(int bytesAtATime, Action<int>? onRead, CancellationToken cancellationToken)
    {
        foreach (var segment in Volatile.Read(ref _segments))
        {
            if (segment.SizeInBytes == 0 || !IsFileMissing(segment)) continue;
            _ = Corrupt(segment.BaseOffset, segment.AllMissing);
            return false;
        }

        for (var offset = LogStartOffset; offset < LogEndOffset;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                using var read = ReadForReplica(offset, bytesAtATime);
                if (read.Length == 0) return true;
                offset = read.NextOffset;
                onRead?.Invoke(read.Length);
            }
            catch (OrleansLogException failure) when (failure.Error == ErrorCode.CorruptMessage)
            {
                return false;
            }
            catch (OrleansLogException failure) when (failure.Error == ErrorCode.OffsetOutOfRange)
            {
                // Deleted or truncated meanwhile.
                offset = Math.Max(offset, LogStartOffset);
            }
        }

        return true;
    }

    // Files get their names under the lock; one that is deleted has left the log by then.
    private bool IsFileMissing(LogSegment segment)
    {
        lock (_appendLock) return !_fileSystem.FileExists(segment.LogPath) && !segment.IsRetired;
    }

    private CorruptRegion WrongEpoch(in RecordBatchHeader header, int epoch)
    {
        var segment = _segments[FloorOf(_segments, header.BaseOffset)];
        return new CorruptRegion(
            segment.LogPath, header.BaseOffset - segment.BaseOffset, header.SizeInBytes, header.BaseOffset, header.NextOffset,
            $"a batch of leader epoch {header.PartitionLeaderEpoch} where epoch {epoch} was");
    }

    private void KeepReplica(ReplicaState state) => Guarded("Writing the replica's state", () =>
    {
        _fileSystem.WriteAllBytesDurably(Path.Combine(_directory, ReplicaStateFile.FileName), ReplicaStateFile.Format(state));
        lock (_corruptRegions) _replica = state;
        Volatile.Write(ref _fencedEpoch, state.FencedEpoch);
    });

    private void LoadReplica(RecoveryReport report)
    {
        var path = Path.Combine(_directory, ReplicaStateFile.FileName);
        // Records that were durable are gone: a file was cut or deleted.
        var isShort = report.RecoveryPoint > LogEndOffset;
        if (!_fileSystem.FileExists(path))
        {
            if (isShort) _replica = new ReplicaState(-1, LogEndOffset, IsShort: true);
            return;
        }

        if (!ReplicaStateFile.TryParse(_fileSystem.ReadAllBytes(path), out var state))
        {
            _logger.LogWarning("'{Path}' is damaged: the log of {Partition} does not lead before a leader has looked at it.", path, Partition);
            state = new ReplicaState(-1, LogStartOffset, IsShort: true);
        }

        _replica = state;
        Volatile.Write(ref _fencedEpoch, state.FencedEpoch);
        if (isShort) MarkSuspect(LogEndOffset, isShort: true);
        if (report.MissingFrom >= 0) MarkSuspect(report.MissingFrom);
        // Until a leader says more.
        _committedOffset = LogStartOffset;
    }

    private void ForgetDamageFrom(long offset)
    {
        lock (_corruptRegions) _corruptRegions.RemoveAll(region => region.NextOffset > offset);
    }
}
