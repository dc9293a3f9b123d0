using OrleansLog.Grains.Interfaces;
using OrleansLog.Records;

namespace OrleansLog.Client;

/// <summary>
/// What one fetch brought: some batches of one partition, and how far they have been read. Owns the memory; whoever holds the
/// chunk disposes of it. One thread at a time.
/// </summary>
internal sealed class FetchedChunk(PartitionCursor cursor, int version, RecordBytes bytes, RecordBatchReaderOptions options)
    : IDisposable
{
    private ReadOnlyMemory<byte> _rest = bytes.Memory;

    public PartitionCursor Cursor => cursor;

    /// <summary>The cursor's version for which this was fetched; after a seek it is of no use.</summary>
    public int Version => version;

    /// <summary>Reads the batch that <see cref="TryOpenBatch"/> turned to.</summary>
    public RecordBatchReader Reader { get; } = new(options);

    /// <summary>Whether a batch is open, so that <see cref="Reader"/> may have more records.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>The offset after the open batch.</summary>
    public long BatchEnd { get; private set; }

    /// <summary>Turns to the next batch of records; false after the last.</summary>
    /// <param name="position">The first offset wanted; batches before it are passed over.</param>
    /// <param name="end">The offset after the batches that were passed over, if any, else <paramref name="position"/>.</param>
    public bool TryOpenBatch(long position, out long end)
    {
        end = position;
        IsOpen = false;
        while (RecordBatch.TryReadNext(ref _rest, out var batch, out var header))
        {
            if (header.IsControl || header.RecordCount == 0 || header.NextOffset <= position)
            {
                end = Math.Max(end, header.NextOffset);
                continue;
            }

            Reader.Reset(batch);
            BatchEnd = header.NextOffset;
            IsOpen = true;
            return true;
        }

        return false;
    }

    public void Dispose()
    {
        IsOpen = false;
        _rest = default;
        Reader.Dispose();
        bytes.Dispose();
    }
}
