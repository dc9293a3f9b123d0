using Microsoft.Win32.SafeHandles;

namespace OrleansLog.Engine.Storage;

/// <summary>A file of the operating system, by positioned system calls on one handle: no stream, no shared position.</summary>
internal sealed class PhysicalLogFile(SafeFileHandle handle, string path) : ILogFile
{
    /// <inheritdoc/>
    public long Length => RandomAccess.GetLength(handle);

    /// <inheritdoc/>
    public int Read(Span<byte> buffer, long position)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var count = RandomAccess.Read(handle, buffer[total..], position + total);
            if (count == 0) break;
            total += count;
        }

        return total;
    }

    /// <inheritdoc/>
    public void Write(ReadOnlySpan<byte> buffer, long position)
    {
        try
        {
            RandomAccess.Write(handle, buffer, position);
        }
        catch (ArgumentOutOfRangeException e) when (position >= 0)
        {
            // What .NET makes of EFBIG. It is a failure of the disk like any other, and part of the bytes may be written.
            throw new IOException($"Writing of '{path}' failed: File too large. {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (OperatingSystem.IsLinux()) UnixCalls.SyncData(handle, path);
        else RandomAccess.FlushToDisk(handle);
    }

    /// <inheritdoc/>
    public void SetLength(long length) => RandomAccess.SetLength(handle, length);

    /// <inheritdoc/>
    public void Allocate(long length)
    {
        if (OperatingSystem.IsLinux() && length > 0 && UnixCalls.TryAllocate(handle, path, length)) return;
        if (Length < length) SetLength(length);
    }

    /// <inheritdoc/>
    public void Dispose() => handle.Dispose();
}
