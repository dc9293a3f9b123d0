namespace OrleansLog.Engine.Storage;

/// <summary>The operating system's files. Stateless; one instance serves everyone.</summary>
public sealed class PhysicalFileSystem : IFileSystem
{
    /// <summary>The one instance that is needed.</summary>
    public static PhysicalFileSystem Instance { get; } = new();

    /// <inheritdoc/>
    public ILogFile OpenFile(string path, FileOpenMode mode)
    {
        var handle = File.OpenHandle(
            path,
            mode switch
            {
                FileOpenMode.Open or FileOpenMode.Read => FileMode.Open,
                FileOpenMode.OpenOrCreate or FileOpenMode.Lock => FileMode.OpenOrCreate,
                FileOpenMode.Create => FileMode.Create,
                _ => throw new ArgumentOutOfRangeException(nameof(mode), mode, "Unknown mode."),
            },
            mode == FileOpenMode.Read ? FileAccess.Read : FileAccess.ReadWrite,
            // None is flock(LOCK_EX) on Unix and a refused share on Windows; both end with the process.
            mode == FileOpenMode.Lock ? FileShare.None : FileShare.ReadWrite | FileShare.Delete);
        return new PhysicalLogFile(handle, path);
    }

    /// <inheritdoc/>
    public bool FileExists(string path) => File.Exists(path);

    /// <inheritdoc/>
    public bool DirectoryExists(string path) => Directory.Exists(path);

    /// <inheritdoc/>
    public void DeleteFile(string path) => File.Delete(path);

    /// <inheritdoc/>
    public void Move(string from, string to) => File.Move(from, to, overwrite: true);

    /// <inheritdoc/>
    public IEnumerable<string> ListFiles(string directory) => Directory.GetFiles(directory);

    /// <inheritdoc/>
    public IEnumerable<string> ListDirectories(string directory) => Directory.GetDirectories(directory);

    /// <inheritdoc/>
    public void CreateDirectory(string path) => Directory.CreateDirectory(path);

    /// <inheritdoc/>
    public void DeleteDirectory(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }

    /// <inheritdoc/>
    public void MoveDirectory(string from, string to) => Directory.Move(from, to);

    /// <inheritdoc/>
    public void FlushDirectory(string path)
    {
        // NTFS journals its directories and offers no such call.
        if (!OperatingSystem.IsWindows()) UnixCalls.SyncDirectory(path);
    }

    /// <inheritdoc/>
    public long AvailableBytes(string directory)
    {
        try
        {
            return new DriveInfo(directory).AvailableFreeSpace;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // A share of another machine, say.
            return long.MaxValue;
        }
    }

    /// <inheritdoc/>
    public byte[] ReadAllBytes(string path) => File.ReadAllBytes(path);

    /// <inheritdoc/>
    public void WriteAllBytesDurably(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".tmp";
        using (var file = OpenFile(temporary, FileOpenMode.Create))
        {
            file.Write(content, 0);
            file.Flush();
        }

        Move(temporary, path);
        FlushDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}
