using System.Diagnostics;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace OrleansLog.Benchmarks;

/// <summary>What the disk and page cache do without us: the baselines of the engine's figures.</summary>
internal static partial class RawDisk
{
    /// <summary>Bytes per second of a loop that writes <paramref name="block"/> to the end of a new file.</summary>
    public static double WriteBytesPerSecond(string directory, byte[] block, long totalBytes)
    {
        var path = Path.Combine(directory, "raw-write");
        using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite))
        {
            var watch = Stopwatch.StartNew();
            for (long at = 0; at < totalBytes; at += block.Length) RandomAccess.Write(file, block, at);
            watch.Stop();
            File.Delete(path);
            return totalBytes / watch.Elapsed.TotalSeconds;
        }
    }

    /// <summary>Bytes per second of a loop that reads a file in pieces of the size of <paramref name="buffer"/>.</summary>
    public static double ReadBytesPerSecond(string path, byte[] buffer)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        var watch = Stopwatch.StartNew();
        long at = 0;
        while (at < length)
        {
            var read = RandomAccess.Read(file, buffer, at);
            if (read == 0) break;
            at += read;
        }

        return at / watch.Elapsed.TotalSeconds;
    }

    /// <summary>
    /// Seconds of each write of <paramref name="block"/> to a growing file and the fdatasync after it, by one writer that begins
    /// one every <paramref name="interval"/>, or one after the other without a pause. With several <paramref name="files"/> as many
    /// writers do so at the same time, and what counts is when the last of them is done.
    /// </summary>
    public static double[] SyncedWriteSeconds(string directory, byte[] block, int count, TimeSpan interval = default, int files = 1)
    {
        var seconds = new double[count];
        var clock = Stopwatch.StartNew();
        var start = 0L;
        using var begun = new Barrier(files, _ => start = Stopwatch.GetTimestamp());
        using var done = new Barrier(files);
        var writers = Enumerable.Range(0, files).Select(number => new Thread(() => Write(number))).ToArray();
        foreach (var writer in writers) writer.Start();
        foreach (var writer in writers) writer.Join();
        return seconds;

        void Write(int number)
        {
            var path = Path.Combine(directory, $"raw-sync-{number}");
            using (var file = File.OpenHandle(path, FileMode.Create, FileAccess.ReadWrite))
            {
                for (var i = 0; i < count; i++)
                {
                    while (clock.Elapsed < interval * i) Thread.Sleep(1);
                    begun.SignalAndWait();
                    RandomAccess.Write(file, block, (long)i * block.Length);
                    DataSync(file);
                    done.SignalAndWait();
                    if (number == 0) seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
                }
            }

            File.Delete(path);
        }
    }

    /// <summary>Writes out what earlier measurements left in the page cache: an fsync beside that waits for it.</summary>
    public static void Settle()
    {
        if (!OperatingSystem.IsWindows()) sync();
    }

    private static void DataSync(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux()) RandomAccess.FlushToDisk(file);
        else if (fdatasync((int)file.DangerousGetHandle()) != 0) throw new IOException("fdatasync failed");
    }

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fdatasync(int descriptor);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void sync();
}
