namespace OrleansLog.Engine.Storage;

/// <summary>Why a scan of a segment's batches stopped.</summary>
internal enum BatchFault
{
    /// <summary>It has not stopped.</summary>
    None,
    /// <summary>At the end of the bytes, between two batches.</summary>
    EndOfLog,
    /// <summary>Zeros where a header should be: preallocated, or a block that never reached the disk.</summary>
    Zeros,
    /// <summary>The bytes end within a batch.</summary>
    Incomplete,
    /// <summary>The header's fixed fields make no sense.</summary>
    BadHeader,
    /// <summary>The CRC does not match the bytes.</summary>
    BadCrc,
    /// <summary>The base offset, which the CRC does not cover, does not fit the batches around it.</summary>
    BadOffset,
}

/// <summary>Words for <see cref="BatchFault"/>.</summary>
internal static class BatchFaults
{
    public static string Describe(this BatchFault fault) => fault switch
    {
        BatchFault.Zeros => "zeros where a batch should be",
        BatchFault.Incomplete => "an incomplete batch",
        BatchFault.BadHeader => "a batch header that makes no sense",
        BatchFault.BadCrc => "a batch that fails its CRC",
        BatchFault.BadOffset => "a batch whose base offset does not fit its neighbours",
        _ => "the end of the log",
    };
}
