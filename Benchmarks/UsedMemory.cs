using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace OrleansLog.Benchmarks;

/// <summary>
/// Fills the page cache, as it is on a machine that has run for a while. The host of a virtual machine provides each page of its memory
/// when that is first touched, and may take back what is free: with most of the memory unused, that is what writing a file costs.
/// </summary>
internal sealed class UsedMemory : IDisposable
{
    private const long LeftFree = 1L << 30;
    private readonly SafeFileHandle _file;

    private UsedMemory(SafeFileHandle file) => _file = file;

    /// <summary>Reads a file without content as large as the memory; the file takes no room on the disk.</summary>
    public static UsedMemory Fill(string directory)
    {
        var file = File.OpenHandle(
            Path.Combine(directory, $"used-memory-{Environment.ProcessId}"), FileMode.Create, FileAccess.ReadWrite, options: FileOptions.DeleteOnClose);
        var used = new UsedMemory(file);
        var bytes = Math.Max(0, AvailableBytes() - LeftFree);
        RandomAccess.SetLength(file, bytes);
        var buffer = new byte[1 << 20];
        for (long at = 0; at < bytes; at += buffer.Length) RandomAccess.Read(file, buffer, at);
        return used;
    }

    /// <summary>What the file held may be used by others now.</summary>
    public void Dispose() => _file.Dispose();

    private static long AvailableBytes() => OperatingSystem.IsLinux()
        ? File.ReadLines("/proc/meminfo").Where(line => line.StartsWith("MemAvailable:", StringComparison.Ordinal))
            .Select(line => long.Parse(line.AsSpan(13).Trim().TrimEnd("kB").Trim(), CultureInfo.InvariantCulture) * 1024).FirstOrDefault()
        : 0;
}
