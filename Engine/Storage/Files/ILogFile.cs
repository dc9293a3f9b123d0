namespace OrleansLog.Engine.Storage;

/// <summary>
/// One open file with positioned reads and writes. All members may be called from any thread at once; whoever writes the
/// same bytes twice at the same time orders that itself. Every failure is an <see cref="IOException"/>; see
/// <see cref="StorageFaults"/> for telling a full disk apart.
/// </summary>
public interface ILogFile : IDisposable
{
    /// <summary>Size of the file in bytes.</summary>
    long Length { get; }

    /// <summary>
    /// Reads at <paramref name="position"/> (bytes from the start) into <paramref name="buffer"/>; answers how many bytes were
    /// read, fewer than asked only at the end of the file, 0 at or past it.
    /// </summary>
    int Read(Span<byte> buffer, long position);

    /// <summary>
    /// Writes all of <paramref name="buffer"/> at <paramref name="position"/>, growing the file as needed. After an exception
    /// any part of the bytes may have been written. Not durable until <see cref="Flush"/> returns.
    /// </summary>
    void Write(ReadOnlySpan<byte> buffer, long position);

    /// <summary>
    /// Makes what was written before the call, and the file's length, durable. A failure means that the state of the data on
    /// disk is unknown for good: a second call that succeeds proves nothing.
    /// </summary>
    void Flush();

    /// <summary>Cuts the file or extends it with zeros (without reserving room for them) to <paramref name="length"/> bytes.</summary>
    void SetLength(long length);

    /// <summary>
    /// Reserves room on the disk for the first <paramref name="length"/> bytes and extends the file with zeros to it; never
    /// shortens. A full disk is told here and not by a later write. Where the file system cannot reserve, it only extends.
    /// </summary>
    void Allocate(long length);
}
