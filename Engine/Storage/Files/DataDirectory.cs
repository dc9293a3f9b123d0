using System.Buffers.Text;
using System.Globalization;
using System.Text;
using OrleansLog.Records;

namespace OrleansLog.Engine.Storage;

/// <summary>
/// A node's data directory, held by this process alone from <see cref="Open"/> to <see cref="Dispose"/> by a lock on its file
/// <c>.lock</c> (which ends with the process, however it ends), and belonging to one node of one cluster for ever.
/// </summary>
public sealed class DataDirectory : IDisposable
{
    private const string LockFileName = ".lock";
    private readonly ILogFile _lock;

    private DataDirectory(string path, DataDirectoryIdentity identity, ILogFile lockFile)
    {
        Path = path;
        Identity = identity;
        _lock = lockFile;
    }

    /// <summary>Full path of the directory.</summary>
    public string Path { get; }

    /// <summary>Whose data it holds.</summary>
    public DataDirectoryIdentity Identity { get; }

    /// <summary>
    /// Creates the directory if need be, locks it, and checks or (the first time) writes down whose it is.
    /// </summary>
    /// <param name="fileSystem">Where the directory is.</param>
    /// <param name="path">Its path.</param>
    /// <param name="clusterId">The cluster it must belong to; null takes the one it belongs to, or makes a new id.</param>
    /// <param name="nodeId">The node it must belong to; null takes the one it belongs to, or 1.</param>
    /// <exception cref="OrleansLogException">Another process uses the directory or its owner cannot be read
    /// (<see cref="ErrorCode.KafkaStorageError"/>), or it belongs to another cluster or node
    /// (<see cref="ErrorCode.InvalidConfig"/>).</exception>
    /// <exception cref="IOException">The directory cannot be created or written.</exception>
    public static DataDirectory Open(IFileSystem fileSystem, string path, string? clusterId = null, int? nodeId = null)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = System.IO.Path.GetFullPath(path);
        CreateDurably(fileSystem, path);
        var lockFile = TakeLock(fileSystem, path);
        try
        {
            return new DataDirectory(path, Identify(fileSystem, path, clusterId, nodeId), lockFile);
        }
        catch
        {
            lockFile.Dispose();
            throw;
        }
    }

    /// <summary>Whose data a directory holds, without locking it; null when it holds nobody's yet.</summary>
    /// <exception cref="OrleansLogException">KafkaStorageError: its owner cannot be read.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static DataDirectoryIdentity? ReadIdentity(IFileSystem fileSystem, string path)
    {
        ArgumentNullException.ThrowIfNull(fileSystem);
        ArgumentException.ThrowIfNullOrEmpty(path);
        var file = System.IO.Path.Combine(path, MetaProperties.FileName);
        return fileSystem.FileExists(file) ? MetaProperties.Parse(fileSystem.ReadAllBytes(file), file) : null;
    }

    /// <summary>A new random cluster id, in Kafka's form.</summary>
    public static string NewClusterId()
    {
        string id;
        // Kafka, too, avoids ids with a leading dash: command lines take them for options.
        do id = Base64Url.EncodeToString(Guid.NewGuid().ToByteArray());
        while (id[0] == '-');
        return id;
    }

    /// <summary>Lets go of the directory.</summary>
    public void Dispose() => _lock.Dispose();

    // A directory that a power loss takes away takes all that was acknowledged with it.
    private static void CreateDurably(IFileSystem fileSystem, string path)
    {
        if (fileSystem.DirectoryExists(path)) return;
        var parent = System.IO.Path.GetDirectoryName(path);
        if (parent is not null) CreateDurably(fileSystem, parent);
        fileSystem.CreateDirectory(path);
        if (parent is not null) fileSystem.FlushDirectory(parent);
    }

    private static ILogFile TakeLock(IFileSystem fileSystem, string path)
    {
        var lockPath = System.IO.Path.Combine(path, LockFileName);
        ILogFile file;
        try
        {
            file = fileSystem.OpenFile(lockPath, FileOpenMode.Lock);
        }
        catch (IOException failure) when (failure is not DirectoryNotFoundException && fileSystem.FileExists(lockPath))
        {
            var holder = OperatingSystem.IsWindows() ? string.Empty : UnixCalls.ReadLockedText(lockPath);
            var who = holder.Length == 0 ? "another process" : $"another process (pid {holder})";
            throw new OrleansLogException(
                ErrorCode.KafkaStorageError,
                $"Data directory '{path}' is in use by {who}. Stop that process or choose another directory.",
                failure);
        }

        // Only for the message above; the lock itself does not depend on it.
        var pid = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n"));
        file.SetLength(0);
        file.Write(pid, 0);
        return file;
    }

    private static DataDirectoryIdentity Identify(IFileSystem fileSystem, string path, string? clusterId, int? nodeId)
    {
        var file = System.IO.Path.Combine(path, MetaProperties.FileName);
        if (!fileSystem.FileExists(file))
        {
            var created = new DataDirectoryIdentity(clusterId ?? NewClusterId(), nodeId ?? 1);
            ArgumentOutOfRangeException.ThrowIfNegative(created.NodeId, nameof(nodeId));
            fileSystem.WriteAllBytesDurably(file, MetaProperties.Format(created));
            return created;
        }

        var found = MetaProperties.Parse(fileSystem.ReadAllBytes(file), file);
        if (clusterId is not null && clusterId != found.ClusterId)
            throw Foreign(path, "cluster", found.ClusterId, clusterId);
        if (nodeId is { } id && id != found.NodeId)
            throw Foreign(path, "node", found.NodeId, id);
        return found;
    }

    private static OrleansLogException Foreign(string path, string what, object found, object expected) => new(
        ErrorCode.InvalidConfig,
        string.Create(
            CultureInfo.InvariantCulture,
            $"Data directory '{path}' belongs to {what} '{found}', but this is {what} '{expected}'. "
            + $"Use another directory, or start the {what} that it belongs to."));
}
