namespace OrleansLog.Engine.Storage;

/// <summary>How <see cref="IFileSystem.OpenFile"/> opens a file.</summary>
public enum FileOpenMode
{
    /// <summary>An existing file, for reading and writing; <see cref="FileNotFoundException"/> when it is missing.</summary>
    Open = 0,
    /// <summary>An existing file, for reading only; <see cref="FileNotFoundException"/> when it is missing.</summary>
    Read = 1,
    /// <summary>For reading and writing; created empty when it is missing.</summary>
    OpenOrCreate = 2,
    /// <summary>A new, empty file for reading and writing; one that was there is truncated.</summary>
    Create = 3,
    /// <summary>
    /// For reading and writing, created when missing, and locked against every other opening with this mode, in this process
    /// or another, until it is disposed or the process ends. An <see cref="IOException"/> tells that someone else holds it.
    /// </summary>
    Lock = 4,
}
