using OrleansLog.Engine.Storage;

namespace OrleansLog.Tests.Engine.Files;

/// <summary>What a crash leaves of the bytes and directory entries that were not made durable.</summary>
public enum CrashKind
{
    /// <summary>Nothing: a power loss at its worst. Only what an fsync covered is there.</summary>
    ForgetAll = 0,
    /// <summary>Everything: the process was killed, the machine lives on.</summary>
    KeepAll = 1,
    /// <summary>A power loss by chance: each unsynced 512-byte sector is there or not, and of each directory's unsynced
    /// changes a random first part.</summary>
    Torn = 2,
}

/// <summary>An operation of the file system that changes something.</summary>
public enum FileOperation
{
    Create = 0,
    Write = 1,
    Flush = 2,
    SetLength = 3,
    Delete = 4,
    Move = 5,
    FlushDirectory = 6,
    CreateDirectory = 7,
    DeleteDirectory = 8,
    MoveDirectory = 9,
}

/// <summary>Thrown by each operation from the one on at which <see cref="FaultyFileSystem.CrashAtOperation"/> struck.</summary>
public sealed class SimulatedCrashException() : IOException("The machine has crashed (simulated).");

/// <summary>
/// A file system in memory that keeps two truths, what a reader sees and what a power loss would leave, and that fails on
/// demand. Opened files and the locks on them die with <see cref="Crash"/>. Thread-safe (one lock).
/// </summary>
public sealed partial class FaultyFileSystem(int seed = 0) : IFileSystem
{
    public const int SectorBytes = 512;

    private readonly Lock _gate = new();
    private readonly MemoryDirectory _root = new();
    private readonly List<(Func<FileOperation, string, bool> Matches, Func<Exception> Make, bool Once)> _faults = [];
    private readonly Queue<string> _history = new();
    private Random _random = new(seed);
    private int _generation;
    private bool _crashed;

    /// <summary>How many changing operations were carried out or failed since the start.</summary>
    public long OperationCount { get; private set; }

    /// <summary>Flushes of files that succeeded.</summary>
    public long FlushCount { get; private set; }

    /// <summary>Bytes that were read from open files.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Called with every changing operation before it is carried out; it may throw.</summary>
    public Action<FileOperation, string>? OnOperation { get; set; }

    /// <summary>Called before a file is flushed, on the flushing thread and outside all locks: it may block, as a slow disk does.</summary>
    public Action<string>? BeforeFlush { get; set; }

    /// <summary>Called before a whole file is read, on the reading thread and outside all locks.</summary>
    public Action<string>? BeforeReadAll { get; set; }

    /// <summary>The operation, counted as <see cref="OperationCount"/> from 1, at which the machine crashes: it is not carried
    /// out (a write is, by half, when the crash is torn), and nothing works until <see cref="Crash"/> is called.</summary>
    public long? CrashAtOperation { get; set; }

    /// <summary>What <see cref="AvailableBytes"/> answers; nothing is refused for it.</summary>
    public long Available { get; set; } = long.MaxValue;

    /// <summary>Whether <see cref="CrashAtOperation"/> has struck.</summary>
    public bool HasCrashed => _crashed;

    /// <summary>How many of the last changing operations are kept for <see cref="History"/>.</summary>
    public int HistoryLength { get; init; }

    /// <summary>The last changing operations and what was noted between them, the oldest first.</summary>
    public IReadOnlyList<string> History
    {
        get
        {
            lock (_gate) return [.. _history];
        }
    }

    /// <summary>Puts something else that happened into the history.</summary>
    public void Note(string what)
    {
        lock (_gate) Remember(what);
    }

    public static IOException DiskFull() => new("No space left on device (simulated)", 28);

    public static IOException InputOutputError() => new("Input/output error (simulated)", 5);

    /// <summary>Lets the next operation of this kind whose path contains <paramref name="pathPart"/> fail, or (unless
    /// <paramref name="once"/>) all of them until <see cref="Heal"/>.</summary>
    public void Fail(FileOperation operation, Func<Exception> make, string pathPart = "", bool once = true, int skip = 0)
    {
        lock (_gate)
        {
            _faults.Add((
                (op, path) => op == operation && path.Contains(pathPart, StringComparison.Ordinal) && skip-- <= 0, make, once));
        }
    }

    /// <summary>Ends all faults.</summary>
    public void Heal()
    {
        lock (_gate) _faults.Clear();
    }

    /// <summary>
    /// Crashes the machine and starts it again: unsynced changes are kept or lost as <paramref name="kind"/> says, open files
    /// and locks are gone.
    /// </summary>
    public void Crash(CrashKind kind = CrashKind.ForgetAll, int? seed = null)
    {
        lock (_gate)
        {
            if (seed is { } value) _random = new Random(value);
            _generation++;
            Remember($"crash: {kind}");
            _crashed = false;
            CrashAtOperation = null;
            _root.Crash(kind, _random);
        }
    }

    /// <summary>Turns one bit of a file, on disk and for readers: silent corruption.</summary>
    public void FlipBit(string path, long position, int bit)
    {
        lock (_gate) RequireFile(path).FlipBit(position, bit);
    }

    /// <summary>Turns one random bit of a file's range [<paramref name="from"/>, <paramref name="to"/>).</summary>
    public void FlipRandomBit(string path, long from, long to) => FlipBit(path, _random.NextInt64(from, to), _random.Next(8));

    public long AvailableBytes(string directory) => Available;

    public ILogFile OpenFile(string path, FileOpenMode mode)
    {
        lock (_gate)
        {
            CheckAlive();
            var (directory, name) = Parent(path);
            if (directory.Find(name) is not MemoryFile file)
            {
                if (mode is FileOpenMode.Open or FileOpenMode.Read) throw new FileNotFoundException($"Could not find file '{path}'.", path);
                Enter(FileOperation.Create, path);
                directory.Change((name, file = new MemoryFile()));
            }
            else if (mode == FileOpenMode.Create)
            {
                Enter(FileOperation.Create, path);
                file.SetLength(0);
            }

            if (mode == FileOpenMode.Lock)
            {
                if (file.LockedIn == _generation) throw new IOException($"The file '{path}' is locked.");
                file.LockedIn = _generation;
            }

            return new OpenMemoryFile(this, file, path, _generation, mode);
        }
    }

    public bool FileExists(string path) => Look(() => Find(path) is MemoryFile);

    public bool DirectoryExists(string path) => Look(() => Find(path) is MemoryDirectory);

    public void DeleteFile(string path) => Do(FileOperation.Delete, path, () =>
    {
        if (Find(path) is MemoryFile) Parent(path).Directory.Change((Parent(path).Name, null));
    });

    public void Move(string from, string to) => Do(FileOperation.Move, from + " -> " + to, () => Rename(from, to, RequireFile(from)));

    public IEnumerable<string> ListFiles(string directory) => Look(() => List<MemoryFile>(directory));

    public IEnumerable<string> ListDirectories(string directory) => Look(() => List<MemoryDirectory>(directory));

    public void CreateDirectory(string path)
    {
        lock (_gate)
        {
            CheckAlive();
            var at = _root;
            foreach (var name in Split(path))
            {
                if (at.Find(name) is not MemoryDirectory next)
                {
                    Enter(FileOperation.CreateDirectory, path);
                    at.Change((name, next = new MemoryDirectory()));
                }

                at = next;
            }
        }
    }

    public void DeleteDirectory(string path) => Do(FileOperation.DeleteDirectory, path, () =>
    {
        if (Find(path) is MemoryDirectory) Parent(path).Directory.Change((Parent(path).Name, null));
    });

    public void MoveDirectory(string from, string to) => Do(FileOperation.MoveDirectory, from + " -> " + to, () =>
    {
        if (Find(to) is not null) throw new IOException($"'{to}' exists.");
        Rename(from, to, RequireDirectory(from));
    });

    public void FlushDirectory(string path) => Do(FileOperation.FlushDirectory, path, () => RequireDirectory(path).Flush());

    public byte[] ReadAllBytes(string path)
    {
        BeforeReadAll?.Invoke(path);
        return Look(() => RequireFile(path).ToArray());
    }

    public void WriteAllBytesDurably(string path, ReadOnlySpan<byte> content)
    {
        using (var file = OpenFile(path + ".tmp", FileOpenMode.Create))
        {
            file.Write(content, 0);
            file.Flush();
        }

        Move(path + ".tmp", path);
        FlushDirectory(Path.GetDirectoryName(path)!);
    }

    private void Rename(string from, string to, object node)
    {
        var (source, oldName) = Parent(from);
        var (target, newName) = Parent(to);
        if (ReferenceEquals(source, target))
        {
            source.Change((oldName, null), (newName, node));
            return;
        }

        target.Change((newName, node));
        source.Change((oldName, null));
    }

    private T Look<T>(Func<T> look)
    {
        lock (_gate)
        {
            CheckAlive();
            return look();
        }
    }

    private void Do(FileOperation operation, string path, Action change)
    {
        lock (_gate)
        {
            Enter(operation, path);
            change();
        }
    }

    private void Remember(string what)
    {
        if (HistoryLength == 0) return;
        _history.Enqueue($"{OperationCount} (thread {Environment.CurrentManagedThreadId}) {what}");
        if (_history.Count > HistoryLength) _history.Dequeue();
    }

    private void Enter(FileOperation operation, string path, long position = -1, long length = -1)
    {
        CheckAlive();
        OperationCount++;
        if (HistoryLength > 0) Remember($"{operation} {path} {(position < 0 ? "" : $"at {position}")} {(length < 0 ? "" : $"{length} bytes")}");
        if (OperationCount >= CrashAtOperation) _crashed = true; // another thread may have passed it before it was set
        CheckAlive();
        OnOperation?.Invoke(operation, path);
        for (var i = 0; i < _faults.Count; i++)
        {
            if (!_faults[i].Matches(operation, path)) continue;
            var make = _faults[i].Make;
            if (_faults[i].Once) _faults.RemoveAt(i);
            throw make();
        }
    }

    private void CheckAlive()
    {
        if (_crashed) throw new SimulatedCrashException();
    }

    private static string[] Split(string path) =>
        path.Split(['/', Path.DirectorySeparatorChar], StringSplitOptions.RemoveEmptyEntries);

    private object? Find(string path)
    {
        object? at = _root;
        foreach (var name in Split(path)) at = (at as MemoryDirectory)?.Find(name);
        return at;
    }

    private (MemoryDirectory Directory, string Name) Parent(string path)
    {
        var names = Split(path);
        var parent = string.Join('/', names[..^1]);
        return (RequireDirectory(parent), names[^1]);
    }

    private MemoryFile RequireFile(string path) =>
        Find(path) as MemoryFile ?? throw new FileNotFoundException($"Could not find file '{path}'.", path);

    private MemoryDirectory RequireDirectory(string path) =>
        Find(path) as MemoryDirectory ?? throw new DirectoryNotFoundException($"Could not find directory '{path}'.");

    private List<string> List<T>(string directory) =>
        [.. RequireDirectory(directory).Current.Where(e => e.Value is T).Select(e => Path.Combine(directory, e.Key))];
}
