namespace OrleansLog.Records;

/// <summary>How the records of a batch are compressed; the numbers are those of the batch's attributes.</summary>
public enum CompressionType
{
    /// <summary>Not compressed.</summary>
    None = 0,
    /// <summary>gzip (RFC 1952).</summary>
    Gzip = 1,
    /// <summary>Snappy, in the xerial framing that Kafka's Java client writes; raw blocks are read as well.</summary>
    Snappy = 2,
    /// <summary>LZ4 in its frame format.</summary>
    Lz4 = 3,
    /// <summary>Zstandard.</summary>
    Zstd = 4,
}
