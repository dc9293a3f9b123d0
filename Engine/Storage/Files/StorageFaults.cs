namespace OrleansLog.Engine.Storage;

/// <summary>Tells kinds of I/O failures apart by the code that the operating system gave.</summary>
public static class StorageFaults
{
    /// <summary>The errno of an input/output error on Unix.</summary>
    internal const int InputOutputError = 5;

    /// <summary>The errno of a full disk on Linux and macOS.</summary>
    internal const int NoSpaceLeft = 28;

    private const int QuotaExceededLinux = 122, DiskFullWindows = unchecked((int)0x80070070),
        HandleDiskFullWindows = unchecked((int)0x80070027);

    /// <summary>Whether the failure says that the disk (or the user's quota) is full.</summary>
    public static bool IsDiskFull(Exception failure) => failure is IOException
        && failure.HResult is NoSpaceLeft or QuotaExceededLinux or DiskFullWindows or HandleDiskFullWindows;

    internal static IOException FromErrno(string action, string path, int errno) => new(
        $"{action} of '{path}' failed: {System.Runtime.InteropServices.Marshal.GetPInvokeErrorMessage(errno)} (errno {errno}).",
        errno);
}
