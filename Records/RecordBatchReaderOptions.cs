namespace OrleansLog.Records;

/// <summary>How a <see cref="RecordBatchReader"/> reads.</summary>
public sealed record RecordBatchReaderOptions
{
    /// <summary>The default of <see cref="MaxDecompressedBytes"/>: 64 MiB.</summary>
    public const int DefaultMaxDecompressedBytes = 64 * 1024 * 1024;

    /// <summary>The defaults: up to 64 MiB decompressed, in an array of their own, without a check of the CRC.</summary>
    public static RecordBatchReaderOptions Default { get; } = new();

    /// <summary>
    /// The most bytes that the records of one batch may take decompressed, from 1; a batch with more is refused as
    /// <see cref="ErrorCode.CorruptMessage"/>. Memory grows with what decompression in fact produces, not with what is claimed.
    /// </summary>
    public int MaxDecompressedBytes { get; init; } = DefaultMaxDecompressedBytes;

    /// <summary>
    /// Whether records are decompressed into pooled memory, which the next <see cref="RecordBatchReader.Reset"/> and
    /// <see cref="RecordBatchReader.Dispose"/> take back. Otherwise into an array of their own that lives as long as any record
    /// of the batch.
    /// </summary>
    public bool UsePooledMemory { get; init; }

    /// <summary>Whether the CRC is checked; not needed after <see cref="RecordBatch.Validate"/>.</summary>
    public bool CheckCrc { get; init; }
}
