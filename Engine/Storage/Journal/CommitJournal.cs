using Microsoft.Extensions.Logging;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// One file for the unsynced ends of many logs, so that they become durable by one fsync together. What is in it is in the segments' files as
/// well, only not durably; after a crash it is written there again (<see cref="JournalReplay"/>) before any log is opened.
/// <para>
/// Two files take turns. One that is full is used again when all logs that it holds bytes of have been synced since
/// (<see cref="JournalSettling"/>); until then, should the other be full as well, rounds are refused, and each log does its own fsync.
/// </para>
/// <para>
/// What is in the journal must never be written over something else. A log that is about to be cut, replaced or deleted therefore bars
/// itself, syncs its segments, and has all that was said of it declared void, durably, before it goes on
/// (<see cref="Bar"/>, <see cref="Void"/>, <see cref="Unbar"/>).
/// </para>
/// Thread-safe. Its lock is the last to be taken: it calls no log while it holds it.
/// </summary>
internal sealed class CommitJournal(
    IFileSystem fileSystem, string directory, int fileBytes, TimeProvider time, ILogger logger) : IDisposable
{
    // So many times the bytes of one file must be free for both to be made.
    private const long LeastRoom = 16;

    // So many times the most bytes of one log are to have room in a file.
    private const int LeastRounds = 32;
    private static readonly byte[] s_zeros = new byte[256 * 1024];

    private readonly Lock _gate = new();
    private readonly Dictionary<TopicPartition, JournalLog> _logs = [];
    private readonly JournalFile[] _files = [new(JournalReplay.PathsIn(directory)[0]), new(JournalReplay.PathsIn(directory)[1])];
    private readonly JournalPace _pace = new(time);
    private readonly byte[] _voidRound = new byte[JournalFormat.Alignment * 2];
    private volatile JournalState _state;
    private volatile bool _isFull;
    private int _current;
    private long _number;

    /// <summary>Where it stands.</summary>
    public JournalState State => _state;

    /// <summary>
    /// The most bytes of one log that are to go into a round now; of one with more, its own fsync costs less. While both files are full, and where
    /// they are so small that they soon would be, only what is always worth it.
    /// </summary>
    public int MaxBytesOfLog =>
        _isFull ? JournalPace.SmallBytes : Math.Min(_pace.MaxBytesOfLog, Math.Max(JournalPace.SmallBytes, fileBytes / LeastRounds));

    /// <summary>Raised, without any lock held, when a file is full, with the number of the file.</summary>
    public Action<int>? Filled { get; set; }

    /// <summary>What the journal knows of a log; the same object whenever the log is opened.</summary>
    public JournalLog LogOf(TopicPartition partition, Guid topicId)
    {
        lock (_gate)
        {
            if (!_logs.TryGetValue(partition, out var log) || log.TopicId != topicId)
                _logs[partition] = log = new JournalLog(partition, topicId);
            return log;
        }
    }

    /// <summary>What the journal knows of a log that was opened; null when it never was.</summary>
    public JournalLog? FindLog(TopicPartition partition)
    {
        lock (_gate) return _logs.GetValueOrDefault(partition);
    }

    /// <summary>Makes the files, full of zeros, so that an fsync of a round leaves their metadata alone. Once; takes a while.</summary>
    public void Prepare()
    {
        lock (_gate)
        {
            if (_state != JournalState.Absent) return;
            _state = JournalState.Preparing;
        }

        try
        {
            // The logs need the last of a disk's room more.
            if (fileSystem.AvailableBytes(directory) < LeastRoom * fileBytes)
                throw new IOException($"There is less than {LeastRoom} times the room for one of its files of {fileBytes} bytes.");
            foreach (var file in _files)
            {
                file.File = fileSystem.OpenFile(file.Path, FileOpenMode.Create);
                for (long at = 0; at < fileBytes; at += s_zeros.Length)
                    file.File.Write(s_zeros.AsSpan(0, (int)Math.Min(s_zeros.Length, fileBytes - at)), at);
                file.File.Flush();
            }

            fileSystem.FlushDirectory(directory);
            lock (_gate)
            {
                _files[_current].IsFree = false;
                if (_state == JournalState.Preparing) _state = JournalState.Ready;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("The commit journal in {Directory} could not be made, so each log does its own fsync: {Reason}", directory, failure.Message);
            lock (_gate) _state = JournalState.Off;
            RemoveFiles();
        }
    }

    /// <summary>
    /// Makes a round durable; the parts of logs that have been barred since they were read are left out of it. False when nothing of it is.
    /// </summary>
    public bool TryCommit(JournalRound round)
    {
        var filled = -1;
        lock (_gate)
        {
            if (_state != JournalState.Ready) return false;
            round.Keep(static part => part.Log.Bars == 0 && part.Generation == part.Log.Generation);
            if (round.Parts.Count == 0) return false;
            var bytes = round.Complete(_number + 1);
            if (_files[_current].Position + bytes.Length > fileBytes)
            {
                _isFull = !_files[1 - _current].IsFree;
                if (_isFull || bytes.Length > fileBytes) return false;
                filled = _current;
                _current = 1 - _current;
                _files[_current].IsFree = false;
                _files[_current].Position = 0;
            }

            var began = time.GetTimestamp();
            if (!TryWrite(bytes)) return false;
            _pace.Note(bytes.Length, time.GetElapsedTime(began));
            foreach (var part in round.Parts)
            {
                part.Log.LastEntry = _number;
                _files[_current].Logs.Add(part.Log);
            }
        }

        if (filled >= 0) Filled?.Invoke(filled);
        return true;
    }

    /// <summary>Keeps bytes of the log out of the journal, also those that were read of it already, until <see cref="Unbar"/>.</summary>
    public void Bar(JournalLog log)
    {
        lock (_gate)
        {
            log.Bars++;
            log.Generation++;
        }
    }

    /// <summary>Ends what <see cref="Bar"/> began.</summary>
    public void Unbar(JournalLog log)
    {
        lock (_gate)
        {
            log.Bars--;
            log.Generation++;
        }
    }

    /// <summary>Whether something of the log would be written again after a crash.</summary>
    public bool HasEntries(JournalLog log)
    {
        lock (_gate) return log.HasEntries;
    }

    /// <summary>The log's generation; before its bytes are read.</summary>
    public int GenerationOf(JournalLog log)
    {
        lock (_gate) return log.Bars > 0 ? -1 : log.Generation;
    }

    /// <summary>Declares void, durably, all that is in the journal of a log, which is barred.</summary>
    /// <exception cref="IOException">It could not be written.</exception>
    public void Void(JournalLog log)
    {
        lock (_gate)
        {
            if (!log.HasEntries) return;
            if (_state != JournalState.Ready) throw new IOException($"The commit journal in '{directory}' failed before.");
            var length = JournalFormat.RoundHeaderSize + JournalFormat.SizeOf(log, 0);
            _voidRound.AsSpan().Clear();
            JournalFormat.WriteEntry(
                _voidRound.AsSpan(JournalFormat.RoundHeaderSize, JournalFormat.SizeOf(log, 0)), JournalEntryKind.Void, log, 0, 0, 0);
            JournalFormat.WriteRoundHeader(_voidRound.AsSpan(0, length), _number + 1);
            // Beyond the bound when the file is full: it has to be said.
            if (!TryWrite(_voidRound.AsSpan(0, JournalFormat.Padded(length))))
                throw new IOException($"The commit journal in '{directory}' failed.");
            log.LastVoid = _number;
            log.NeedsRestore = false;
        }
    }

    /// <summary>As <see cref="Void"/>, of a log whose directory is about to go; should it fail, there is nothing to write to after a crash.</summary>
    public void Drop(JournalLog log)
    {
        Bar(log);
        try
        {
            Void(log);
        }
        catch (IOException)
        {
            lock (_gate)
            {
                log.LastVoid = log.LastEntry;
                log.NeedsRestore = false;
            }
        }
        finally
        {
            Unbar(log);
        }
    }

    /// <summary>Notes that a log was closed and its segments may lack what the journal has of it.</summary>
    public void NoteUnsettled(JournalLog log)
    {
        lock (_gate) log.NeedsRestore = log.HasEntries;
    }

    /// <summary>Whether the log's segments may lack what the journal has of it.</summary>
    public bool NeedsRestore(JournalLog log)
    {
        lock (_gate) return log.NeedsRestore;
    }

    /// <summary>Writes to a log's segments again, durably, what the journal has of it. The log must not be open.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public void Restore(JournalLog log)
    {
        lock (_gate)
        {
            if (!log.NeedsRestore) return;
            JournalReplay.RestoreOne(fileSystem, directory, log.Partition, logger);
            log.NeedsRestore = false;
        }
    }

    /// <summary>The logs that a file holds bytes of, of those for which that still counts.</summary>
    public JournalLog[] LogsIn(int file)
    {
        lock (_gate) return [.. _files[file].Logs.Where(static log => log.HasEntries)];
    }

    /// <summary>A file may be used again.</summary>
    public void Free(int file)
    {
        lock (_gate)
        {
            _files[file].Logs.Clear();
            _files[file].IsFree = true;
            _isFull = false;
        }
    }

    /// <summary>Ends it after a failure, when all logs that it has bytes of are synced: its files go, and it is of no use any more.</summary>
    /// <exception cref="IOException">They could not be removed.</exception>
    public void Abandon()
    {
        lock (_gate)
        {
            RemoveFiles();
            _state = JournalState.Off;
            foreach (var log in _logs.Values) log.LastVoid = log.LastEntry;
        }
    }

    /// <summary>An orderly stop, when all logs are closed: what no log needs any more goes.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_state is JournalState.Absent or JournalState.Off) return;
            _state = JournalState.Off;
            try
            {
                if (_logs.Values.Any(static log => log.NeedsRestore)) CloseFiles();
                else RemoveFiles();
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                // The next start finds nothing in it that the segments do not have.
                logger.LogWarning(failure, "The commit journal in {Directory} could not be removed.", directory);
            }
        }
    }

    private bool TryWrite(ReadOnlySpan<byte> round)
    {
        var file = _files[_current];
        try
        {
            file.File!.Write(round, file.Position);
            file.File.Flush();
        }
        catch (IOException failure)
        {
            _state = JournalState.Failed;
            logger.LogError(failure, "The commit journal '{Path}' failed; each log does its own fsync from now on.", file.Path);
            return false;
        }

        file.Position += round.Length;
        _number++;
        return true;
    }

    private void RemoveFiles()
    {
        CloseFiles();
        foreach (var file in _files) fileSystem.DeleteFile(file.Path);
        fileSystem.FlushDirectory(directory);
    }

    private void CloseFiles()
    {
        foreach (var file in _files)
        {
            file.File?.Dispose();
            file.File = null;
        }
    }

    private sealed class JournalFile(string path)
    {
        public string Path => path;

        public ILogFile? File { get; set; }

        public long Position { get; set; }

        public bool IsFree { get; set; } = true;

        public HashSet<JournalLog> Logs { get; } = [];
    }
}
