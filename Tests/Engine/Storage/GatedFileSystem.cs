using OrleansLog.Engine.Storage;

namespace OrleansLog.Tests.Engine.Storage;

/// <summary>Lets a test hold fsyncs up while everything else goes on.</summary>
internal sealed class GatedFileSystem(IFileSystem inner) : IFileSystem
{
    private volatile Gate? _gate;
    private int _openLogFiles;

    /// <summary>How many log files are open.</summary>
    public int OpenLogFiles => _openLogFiles;

    /// <summary>From now on fsyncs of log files wait until the gate is disposed of.</summary>
    public Gate HoldFlushes() => _gate = new Gate(this);

    public ILogFile OpenFile(string path, FileOpenMode mode) => new GatedFile(this, inner.OpenFile(path, mode), path);

    public bool FileExists(string path) => inner.FileExists(path);

    public bool DirectoryExists(string path) => inner.DirectoryExists(path);

    public void DeleteFile(string path) => inner.DeleteFile(path);

    public void Move(string from, string to) => inner.Move(from, to);

    public IEnumerable<string> ListFiles(string directory) => inner.ListFiles(directory);

    public IEnumerable<string> ListDirectories(string directory) => inner.ListDirectories(directory);

    public void CreateDirectory(string path) => inner.CreateDirectory(path);

    public void DeleteDirectory(string path) => inner.DeleteDirectory(path);

    public void MoveDirectory(string from, string to) => inner.MoveDirectory(from, to);

    public void FlushDirectory(string path) => inner.FlushDirectory(path);

    public long AvailableBytes(string directory) => inner.AvailableBytes(directory);

    public byte[] ReadAllBytes(string path) => inner.ReadAllBytes(path);

    public void WriteAllBytesDurably(string path, ReadOnlySpan<byte> content) => inner.WriteAllBytesDurably(path, content);

    public sealed class Gate(GatedFileSystem owner) : IDisposable
    {
        private readonly TaskCompletionSource _reached = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _open = new();

        /// <summary>Completes when an fsync waits at the gate.</summary>
        public Task Reached => _reached.Task.WaitAsync(TimeSpan.FromSeconds(30));

        public void Pass()
        {
            _reached.TrySetResult();
            _open.Wait(TimeSpan.FromSeconds(30));
        }

        public void Dispose()
        {
            owner._gate = null;
            _open.Set();
        }
    }

    private sealed class GatedFile : ILogFile
    {
        private readonly GatedFileSystem _owner;
        private readonly ILogFile _file;
        private readonly string _path;

        public GatedFile(GatedFileSystem owner, ILogFile file, string path)
        {
            (_owner, _file, _path) = (owner, file, path);
            if (IsLog) Interlocked.Increment(ref owner._openLogFiles);
        }

        private bool IsLog => _path.EndsWith(".log", StringComparison.Ordinal);

        public long Length => _file.Length;

        public int Read(Span<byte> buffer, long position) => _file.Read(buffer, position);

        public void Write(ReadOnlySpan<byte> buffer, long position) => _file.Write(buffer, position);

        public void Flush()
        {
            if (IsLog) _owner._gate?.Pass();
            _file.Flush();
        }

        public void SetLength(long length) => _file.SetLength(length);

        public void Allocate(long length) => _file.Allocate(length);

        public void Dispose()
        {
            if (IsLog) Interlocked.Decrement(ref _owner._openLogFiles);
            _file.Dispose();
        }
    }
}
