using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// The calls of the C library that .NET does not offer: fdatasync (one journal write fewer than fsync when a file's length
/// did not change), fsync of a directory, and reservation of blocks.
/// </summary>
internal static partial class UnixCalls
{
    private const int ReadOnly = 0, Interrupted = 4, OperationNotSupported = 95, InvalidArgument = 22;

    public static void SyncData(SafeFileHandle handle, string path)
    {
        int errno;
        while ((errno = Fdatasync(handle) == 0 ? 0 : Marshal.GetLastPInvokeError()) == Interrupted)
        {
        }

        if (errno != 0) throw StorageFaults.FromErrno("fdatasync", path, errno);
    }

    public static void SyncDirectory(string path)
    {
        using var handle = Open(path, ReadOnly | CloseOnExec | DirectoryOnly);
        if (handle.IsInvalid) throw StorageFaults.FromErrno("open", path, Marshal.GetLastPInvokeError());
        int errno;
        while ((errno = Fsync(handle) == 0 ? 0 : Marshal.GetLastPInvokeError()) == Interrupted)
        {
        }

        if (errno != 0) throw StorageFaults.FromErrno("fsync", path, errno);
    }

    /// <summary>False when the file system cannot reserve blocks.</summary>
    public static bool TryAllocate(SafeFileHandle handle, string path, long length)
    {
        int errno;
        while ((errno = Fallocate(handle, 0, 0, length) == 0 ? 0 : Marshal.GetLastPInvokeError()) == Interrupted)
        {
        }

        return errno switch
        {
            0 => true,
            OperationNotSupported or InvalidArgument => false,
            _ => throw StorageFaults.FromErrno("fallocate", path, errno),
        };
    }

    /// <summary>
    /// What stands in a file that another process has locked; empty when it cannot be read. .NET itself refuses to open one.
    /// </summary>
    public static string ReadLockedText(string path)
    {
        using var handle = Open(path, ReadOnly | CloseOnExec);
        if (handle.IsInvalid) return string.Empty;
        try
        {
            Span<byte> buffer = stackalloc byte[64];
            var count = RandomAccess.Read(handle, buffer, 0);
            return System.Text.Encoding.ASCII.GetString(buffer[..count]).Trim();
        }
        catch (IOException)
        {
            return string.Empty;
        }
    }

    private static int CloseOnExec => OperatingSystem.IsLinux() ? 0x80000 : 0;

    private static int DirectoryOnly => !OperatingSystem.IsLinux() ? 0
        : RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 ? 0x4000 : 0x10000;

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int Fdatasync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle handle);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle handle, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);
}
