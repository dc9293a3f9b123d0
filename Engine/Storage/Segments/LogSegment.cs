using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// One file of a partition's log and its indexes. All offsets in it are at least <see cref="BaseOffset"/> and below the base
/// offset of the next segment. Only the newest segment of a log is appended to.
/// Threads: appends, truncation and index changes under the log's append lock; reads from any thread that holds a lease
/// (<see cref="TryAcquire"/>), which keeps the file open (not in place: the name may be gone) until <see cref="Release"/>.
/// </summary>
public sealed partial class LogSegment
{
    // In place of the number of leases while an idle segment's file is being closed.
    private const int Closing = -1;

    private readonly IFileSystem _fileSystem;
    private readonly string _directory;
    private readonly Lock _writerLock;
    private readonly Lock _gate = new();
    private ILogFile? _file;
    private int _leases = 1;
    private bool _retired;
    private int _indexVersion;
    private int _size;
    private int _bytesSinceIndexEntry;
    private long _firstTimestamp = long.MinValue;
    private TimestampOffset? _largest;
    private TimestampOffset _runningLargest = TimestampOffset.None;
    private bool _isRebuilding;

    private LogSegment(IFileSystem fileSystem, string directory, long baseOffset, int size, long createdAtMs, Lock writerLock)
    {
        _writerLock = writerLock;
        _fileSystem = fileSystem;
        _directory = directory;
        BaseOffset = baseOffset;
        _size = size;
        CreatedAtMs = createdAtMs;
        Offsets = new OffsetIndex(fileSystem, directory, baseOffset);
        Times = new TimeIndex(fileSystem, directory, baseOffset);
    }

    /// <summary>No offset in the segment is lower; the file is named after it.</summary>
    public long BaseOffset { get; }

    /// <summary>Bytes of batches in the segment, all of them whole.</summary>
    public int SizeInBytes => Volatile.Read(ref _size);

    /// <summary>When the segment was made, or opened by this process; milliseconds since the Unix epoch.</summary>
    public long CreatedAtMs { get; }

    /// <summary>Path of the file of batches.</summary>
    public string LogPath => LogFileNames.PathOf(_directory, BaseOffset, LogFileNames.Log);

    internal OffsetIndex Offsets { get; }

    internal TimeIndex Times { get; }

    /// <summary>Every offset in the segment is lower: the base offset of the next segment.</summary>
    internal long LimitOffset { get; set; } = long.MaxValue;

    /// <summary>Counts how often the indexes were made anew.</summary>
    internal int IndexVersion => Volatile.Read(ref _indexVersion);

    /// <summary>Whether the segment's file counts among those that are kept open.</summary>
    internal bool IsTracked { get; set; }

    internal PositionHints Hints { get; } = new();

    /// <summary>Whether the segment is no longer part of its log.</summary>
    internal bool IsRetired => Volatile.Read(ref _retired);

    /// <summary>All of it, as damage, when its file is not there any more.</summary>
    internal CorruptRegion AllMissing => new(LogPath, 0, SizeInBytes, BaseOffset, LimitOffset, "its file is missing");

    /// <summary>Bytes of the file that are reserved beyond the batches.</summary>
    internal int ReservedSize { get; set; }

    /// <summary>Creates the files of a new segment; what was there under the name is lost.</summary>
    internal static LogSegment Create(IFileSystem fileSystem, string directory, long baseOffset, long nowMs, Lock writerLock)
    {
        var segment = new LogSegment(fileSystem, directory, baseOffset, size: 0, nowMs, writerLock) { _largest = TimestampOffset.None };
        segment._file = fileSystem.OpenFile(segment.LogPath, FileOpenMode.Create);
        segment.Offsets.Reset();
        segment.Times.Reset();
        return segment;
    }

    /// <summary>
    /// Creates the file of a segment that compaction writes beside the log, under a name that means nothing after a crash; see
    /// <see cref="PartitionLog.ReplaceSegments"/>. Its indexes are in memory until then.
    /// </summary>
    internal static LogSegment CreateCleaned(IFileSystem fileSystem, string directory, long baseOffset, long createdAtMs, Lock writerLock)
    {
        var segment = new LogSegment(fileSystem, directory, baseOffset, size: 0, createdAtMs, writerLock) { _largest = TimestampOffset.None };
        segment._file = fileSystem.OpenFile(segment.LogPath + LogFileNames.Cleaned, FileOpenMode.Create);
        segment.Offsets.Reset();
        segment.Times.Reset();
        return segment;
    }

    /// <summary>A segment that is on disk; nothing but the size of its file is read.</summary>
    internal static LogSegment Open(IFileSystem fileSystem, string directory, long baseOffset, long nowMs, Lock writerLock)
    {
        using var file = fileSystem.OpenFile(LogFileNames.PathOf(directory, baseOffset, LogFileNames.Log), FileOpenMode.Read);
        var size = file.Length;
        if (size > int.MaxValue)
        {
            throw new OrleansLogException(
                ErrorCode.KafkaStorageError,
                $"Segment '{LogFileNames.PathOf(directory, baseOffset, LogFileNames.Log)}' has {size} bytes; {int.MaxValue} is the most that a segment may have.");
        }

        return new LogSegment(fileSystem, directory, baseOffset, (int)size, nowMs, writerLock);
    }

    /// <summary>Takes a lease, so that the bytes stay readable; false when the segment has left its log and is closed.</summary>
    public bool TryAcquire()
    {
        for (var spin = default(SpinWait); ; spin.SpinOnce())
        {
            var leases = Volatile.Read(ref _leases);
            if (leases == 0) return false;
            if (leases != Closing && Interlocked.CompareExchange(ref _leases, leases + 1, leases) == leases) return true;
        }
    }

    /// <summary>Gives a lease back.</summary>
    public void Release()
    {
        for (var spin = default(SpinWait); ; spin.SpinOnce())
        {
            var leases = Volatile.Read(ref _leases);
            if (leases == Closing || Interlocked.CompareExchange(ref _leases, leases - 1, leases) != leases) continue;
            if (leases == 1) CloseFile();
            return;
        }
    }

    /// <summary>
    /// Closes the file of a segment that is not appended to and that nobody reads just now; the next reader opens it again. False
    /// when it is in use.
    /// </summary>
    internal bool TryCloseIdle()
    {
        if (LimitOffset == long.MaxValue || Interlocked.CompareExchange(ref _leases, Closing, 1) != 1) return false;
        CloseFile();
        Volatile.Write(ref _leases, 1);
        return true;
    }

    private void CloseFile()
    {
        lock (_gate)
        {
            _file?.Dispose();
            _file = null;
        }
    }

    /// <summary>
    /// Reads bytes at a position of the file, with a lease held; fewer than asked only at the end of the file.
    /// </summary>
    /// <exception cref="OrleansLogException">The segment left the log before its file was opened
    /// (<see cref="ErrorCode.OffsetNotAvailable"/>; look the offset up again), or the disk failed
    /// (<see cref="ErrorCode.KafkaStorageError"/>).</exception>
    public int Read(Span<byte> buffer, long position)
    {
        try
        {
            return File.Read(buffer, position);
        }
        catch (IOException failure)
        {
            throw StorageErrors.Wrap(failure, $"Reading {buffer.Length} bytes at {position} of '{LogPath}' failed");
        }
    }

    /// <summary>
    /// The greatest timestamp in the segment and an offset of its batch; from the time index, which is made anew when it is
    /// not valid. With a lease held.
    /// </summary>
    public TimestampOffset LargestTimestamp()
    {
        lock (_gate)
        {
            if (_largest is { } known) return known;
        }

        var largest = SegmentTimes.ReadLargest(this);
        lock (_gate)
        {
            return _largest ??= largest;
        }
    }

    /// <summary>
    /// The timestamp from which the age of the segment is counted: that of its first batch, or the time of its creation while it
    /// has none. With a lease held.
    /// </summary>
    public long AgeBaseMs()
    {
        if (_firstTimestamp == long.MinValue && SizeInBytes > 0)
        {
            Span<byte> bytes = stackalloc byte[RecordBatchHeader.Size];
            _firstTimestamp = RecordBatchHeader.TryRead(bytes[..Read(bytes, 0)], out var header) ? header.MaxTimestamp : -1;
        }

        return _firstTimestamp >= 0 ? _firstTimestamp : CreatedAtMs;
    }

    internal ILogFile File
    {
        get
        {
            var file = Volatile.Read(ref _file);
            if (file is not null) return file;
            lock (_gate)
            {
                if (_file is null)
                {
                    // After that the name may belong to another segment.
                    if (_retired) throw new OrleansLogException(ErrorCode.OffsetNotAvailable, $"Segment '{LogPath}' is gone.");
                    Volatile.Write(ref _file, _fileSystem.OpenFile(LogPath, FileOpenMode.Open));
                }

                return _file!;
            }
        }
    }

    /// <summary>
    /// Writes bytes behind the last batch without publishing them, and zeros behind them when the reserve is used up and
    /// <paramref name="reserve"/> (bytes, at most; 0 for none) asks for another.
    /// </summary>
    internal void Write(ReadOnlySpan<byte> batches, int reserve)
    {
        // Of a segment that was closed until a truncation the file may be about to be closed, too.
        TryAcquire();
        try
        {
            File.Write(batches, _size);
            if (reserve > 0 && _size + batches.Length > ReservedSize) ReservedSize = ZeroAhead.Write(File, _size + batches.Length, reserve);
        }
        finally
        {
            Release();
        }
    }

    /// <summary>Makes the bytes before <paramref name="size"/> visible to readers.</summary>
    internal void Publish(int size) => Volatile.Write(ref _size, size);

    /// <summary>Gives back room that was reserved beyond the batches.</summary>
    internal void ReleaseReserve()
    {
        if (ReservedSize <= SizeInBytes) return;
        ReservedSize = 0;
        File.SetLength(SizeInBytes);
    }

    /// <summary>Cuts the file to <paramref name="size"/> bytes; the caller sees to the indexes.</summary>
    internal void CutTo(int size)
    {
        Publish(size);
        Hints.Clear();
        ReservedSize = 0;
        File.SetLength(size);
    }

    /// <summary>
    /// Takes the segment out of its log: no lease is given out once those that are out have been returned, and its files may be
    /// renamed or deleted. The files are deleted here unless another segment takes their names.
    /// </summary>
    internal void Retire(bool deleteFiles)
    {
        lock (_gate)
        {
            if (_retired) return;
            Volatile.Write(ref _retired, true);
            // The log first: without it the rest is rubbish that the next start removes.
            if (deleteFiles)
                foreach (var suffix in LogFileNames.SegmentSuffixes) _fileSystem.DeleteFile(LogFileNames.PathOf(_directory, BaseOffset, suffix));
        }

        Release();
    }

    /// <summary>Closes the file; the segment stays part of the log on disk.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            if (_retired) return;
            Volatile.Write(ref _retired, true);
        }

        Release();
    }
}
