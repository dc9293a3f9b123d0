using System.Buffers;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// Fills the segment that takes the place of those compaction reads, in large writes, noting each batch in its indexes. Whoever
/// does not hand the segment over to the log discards it. One thread.
/// </summary>
internal sealed class CleanedSegmentWriter(IFileSystem fileSystem, LogSegment segment, int indexIntervalBytes) : IDisposable
{
    private const int BufferBytes = 1024 * 1024;
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
    private int _buffered;

    /// <summary>The segment.</summary>
    public LogSegment Segment => segment;

    /// <summary>Bytes of batches so far.</summary>
    public int SizeInBytes { get; private set; }

    /// <summary>Appends a whole batch, which is copied.</summary>
    /// <exception cref="OverflowException">The segment would pass 2 GiB.</exception>
    public void Append(ReadOnlySpan<byte> batch)
    {
        RecordBatchHeader.TryRead(batch, out var header);
        var size = checked(SizeInBytes + batch.Length);
        segment.Note(header, SizeInBytes, indexIntervalBytes);
        if (_buffered + batch.Length > BufferBytes) Drain();
        if (batch.Length > BufferBytes)
        {
            segment.File.Write(batch, SizeInBytes);
        }
        else
        {
            batch.CopyTo(_buffer.AsSpan(_buffered));
            _buffered += batch.Length;
        }

        SizeInBytes = size;
    }

    /// <summary>Writes what is left and makes all of it durable; the segment is complete then.</summary>
    public void Finish()
    {
        Drain();
        segment.File.Flush();
        segment.Publish(SizeInBytes);
    }

    /// <summary>Closes the segment and deletes its file, when it is not to take any place.</summary>
    public void Discard()
    {
        segment.Close();
        fileSystem.DeleteFile(segment.LogPath + LogFileNames.Cleaned);
    }

    /// <summary>Returns the buffer to the pool.</summary>
    public void Dispose()
    {
        var buffer = _buffer;
        _buffer = [];
        if (buffer.Length > 0) ArrayPool<byte>.Shared.Return(buffer);
    }

    private void Drain()
    {
        if (_buffered > 0) segment.File.Write(_buffer.AsSpan(0, _buffered), SizeInBytes - _buffered);
        _buffered = 0;
    }
}
