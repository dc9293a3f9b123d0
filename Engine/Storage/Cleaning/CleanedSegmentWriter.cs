using System.Buffers;
using System.Buffers.Binary;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Writes the files of a cleaned segment, under names that mean nothing after a crash: <c>.log.cleaned</c> and its indexes.
/// One thread at a time.
/// </summary>
internal sealed class CleanedSegmentWriter : IDisposable
{
    private const int BufferBytes = 1024 * 1024;
    private static readonly string[] s_suffixes = [LogFileNames.Log, LogFileNames.OffsetIndex, LogFileNames.TimeIndex];

    private readonly IFileSystem _fileSystem;
    private readonly string _directory;
    private readonly long _baseOffset;
    private readonly int _indexIntervalBytes;
    private readonly ILogFile _file;
    private readonly List<OffsetIndexEntry> _offsets = [];
    private readonly List<TimeIndexEntry> _times = [];
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _buffered;
    private int _bytesSinceIndexEntry;
    private TimestampOffset _largest = TimestampOffset.None;

    public CleanedSegmentWriter(IFileSystem fileSystem, string directory, long baseOffset, int indexIntervalBytes)
    {
        _fileSystem = fileSystem;
        _directory = directory;
        _baseOffset = baseOffset;
        _indexIntervalBytes = indexIntervalBytes;
        _file = fileSystem.OpenFile(PathOf(LogFileNames.Log), FileOpenMode.Create);
    }

    /// <summary>Bytes of batches so far.</summary>
    public int SizeInBytes { get; private set; }

    /// <summary>Appends a whole batch, which is copied.</summary>
    /// <exception cref="OverflowException">The segment would pass 2 GiB.</exception>
    public void Append(ReadOnlySpan<byte> batch)
    {
        RecordBatchHeader.TryRead(batch, out var header);
        Note(header);
        if (_buffered + batch.Length > BufferBytes) Drain();
        if (batch.Length > BufferBytes)
        {
            _file.Write(batch, SizeInBytes);
        }
        else
        {
            batch.CopyTo(_buffer.AsSpan(_buffered));
            _buffered += batch.Length;
        }

        SizeInBytes = checked(SizeInBytes + batch.Length);
    }

    /// <summary>Writes what is left and the indexes, and makes all of it durable.</summary>
    public void Finish()
    {
        Drain();
        _file.Flush();
        AddTime(_largest);
        var offsets = new byte[_offsets.Count * OffsetIndex.BytesPerEntry];
        for (var i = 0; i < _offsets.Count; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(offsets.AsSpan(i * OffsetIndex.BytesPerEntry), _offsets[i].RelativeOffset);
            BinaryPrimitives.WriteInt32BigEndian(offsets.AsSpan((i * OffsetIndex.BytesPerEntry) + 4), _offsets[i].Position);
        }

        var times = new byte[_times.Count * TimeIndex.BytesPerEntry];
        for (var i = 0; i < _times.Count; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(times.AsSpan(i * TimeIndex.BytesPerEntry), _times[i].TimestampMs);
            BinaryPrimitives.WriteInt32BigEndian(times.AsSpan((i * TimeIndex.BytesPerEntry) + 8), _times[i].RelativeOffset);
        }

        Write(LogFileNames.OffsetIndex, offsets);
        Write(LogFileNames.TimeIndex, times);
    }

    /// <summary>Deletes the files, for a pass that came to nothing.</summary>
    public void Discard()
    {
        Dispose();
        foreach (var suffix in s_suffixes) _fileSystem.DeleteFile(PathOf(suffix));
    }

    /// <summary>Closes the files; they stay.</summary>
    public void Dispose()
    {
        _file.Dispose();
        var buffer = _buffer;
        _buffer = [];
        if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
    }

    // As an active segment does, so that a cleaned one is found through its indexes in the same way.
    private void Note(in RecordBatchHeader header)
    {
        if (header.MaxTimestamp > _largest.TimestampMs) _largest = new TimestampOffset(header.MaxTimestamp, header.LastOffset);
        if (_bytesSinceIndexEntry > _indexIntervalBytes)
        {
            _offsets.Add(new OffsetIndexEntry((int)(header.LastOffset - _baseOffset), SizeInBytes));
            AddTime(_largest);
            _bytesSinceIndexEntry = 0;
        }

        _bytesSinceIndexEntry += (int)header.SizeInBytes;
    }

    private void AddTime(TimestampOffset largest)
    {
        if (largest.TimestampMs < 0 || (_times.Count > 0 && _times[^1].TimestampMs >= largest.TimestampMs)) return;
        _times.Add(new TimeIndexEntry(largest.TimestampMs, checked((int)(largest.Offset - _baseOffset))));
    }

    private void Drain()
    {
        if (_buffered > 0) _file.Write(_buffer.AsSpan(0, _buffered), SizeInBytes - _buffered);
        _buffered = 0;
    }

    private void Write(string suffix, byte[] content)
    {
        using var file = _fileSystem.OpenFile(PathOf(suffix), FileOpenMode.Create);
        file.Write(content, 0);
        file.Flush();
    }

    private string PathOf(string suffix) => LogFileNames.PathOf(_directory, _baseOffset, suffix + LogFileNames.Cleaned);
}
