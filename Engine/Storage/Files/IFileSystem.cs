namespace OrleansLog.Engine.Storage;

/// <summary>
/// The files and directories that the log lives in; the seam through which tests inject disk faults and forget what was not
/// made durable. Thread-safe. Failures are <see cref="IOException"/> (or its subclasses for missing files and directories).
/// Creations, renames and deletions are durable once <see cref="FlushDirectory"/> of the directory they happened in returned.
/// </summary>
public interface IFileSystem
{
    /// <summary>Opens a file; the caller disposes it.</summary>
    ILogFile OpenFile(string path, FileOpenMode mode);

    /// <summary>Whether there is a file at <paramref name="path"/>.</summary>
    bool FileExists(string path);

    /// <summary>Whether there is a directory at <paramref name="path"/>.</summary>
    bool DirectoryExists(string path);

    /// <summary>Deletes a file; nothing happens when there is none. Open handles keep reading it on Unix.</summary>
    void DeleteFile(string path);

    /// <summary>Renames a file; one at <paramref name="to"/> is replaced atomically.</summary>
    void Move(string from, string to);

    /// <summary>Full paths of the files directly in <paramref name="directory"/>, in no particular order.</summary>
    IEnumerable<string> ListFiles(string directory);

    /// <summary>Full paths of the directories directly in <paramref name="directory"/>, in no particular order.</summary>
    IEnumerable<string> ListDirectories(string directory);

    /// <summary>Creates a directory and its missing parents; nothing happens when it is there.</summary>
    void CreateDirectory(string path);

    /// <summary>Deletes a directory with all it holds; nothing happens when there is none.</summary>
    void DeleteDirectory(string path);

    /// <summary>Renames a directory; there must be nothing at <paramref name="to"/>.</summary>
    void MoveDirectory(string from, string to);

    /// <summary>Makes the creations, renames and deletions in the directory durable; does nothing on Windows.</summary>
    void FlushDirectory(string path);

    /// <summary>Bytes that may still be written in the directory's file system; <see cref="long.MaxValue"/> when that is not known.</summary>
    long AvailableBytes(string directory) => long.MaxValue;

    /// <summary>The whole of a (small) file.</summary>
    byte[] ReadAllBytes(string path);

    /// <summary>
    /// Replaces a file's content atomically and durably: after a crash at any moment the file holds either its old content or
    /// <paramref name="content"/>. Uses <c>path + ".tmp"</c>; two callers must not write one path at the same time.
    /// </summary>
    void WriteAllBytesDurably(string path, ReadOnlySpan<byte> content);
}
