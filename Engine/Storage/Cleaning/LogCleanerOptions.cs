using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>The bounds of compaction.</summary>
public sealed record LogCleanerOptions
{
    /// <summary>The defaults.</summary>
    public static LogCleanerOptions Default { get; } = new();

    /// <summary>Memory for the keys of one pass, bytes, taken while it runs and only as far as needed; 128 MiB hold about four
    /// million keys. A log with more dirty keys takes several passes.</summary>
    public long MapBytes { get; init; } = 128L * 1024 * 1024;

    /// <summary>How long to rest when nothing is dirty enough.</summary>
    public TimeSpan Backoff { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a log whose compaction failed (damaged batches, a full disk) is left alone.</summary>
    public TimeSpan FailureBackoff { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>The most bytes that the records of one batch may take decompressed; a log with a larger one is not compacted.</summary>
    public int MaxDecompressedBytes { get; init; } = RecordBatchReaderOptions.DefaultMaxDecompressedBytes;
}
