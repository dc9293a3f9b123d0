namespace OrleansLog.Engine.Storage;

/// <summary>Bytes of a segment that are no valid batches, and so are never served.</summary>
/// <param name="File">Path of the segment's file.</param>
/// <param name="Position">Where the region starts in the file, bytes.</param>
/// <param name="Length">How many bytes it has.</param>
/// <param name="FirstOffset">First offset that may be lost.</param>
/// <param name="NextOffset">The first offset after the region that is readable again, or the log's end.</param>
/// <param name="Reason">What is wrong.</param>
public sealed record CorruptRegion(string File, long Position, long Length, long FirstOffset, long NextOffset, string Reason)
{
    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant(
        $"offsets {FirstOffset} to {NextOffset - 1} in '{File}' at {Position}, {Length} bytes: {Reason}");
}
