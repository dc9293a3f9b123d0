using OrleansLog.Cli.Hosting;

namespace OrleansLog.Cli.Produce;

/// <summary>Where lines come from: a file, or standard input.</summary>
/// <param name="Name">The file's path, or <c>standard input</c>.</param>
/// <param name="Bytes">Its size; null when that is not known.</param>
/// <param name="Open">Opens it.</param>
internal sealed record InputSource(string Name, long? Bytes, Func<Stream> Open)
{
    /// <summary>The sources that paths name; standard input for <c>-</c>, or when there are none.</summary>
    /// <exception cref="IOException">A file does not exist.</exception>
    public static IReadOnlyList<InputSource> From(IReadOnlyList<string> paths, CliHost host) =>
        paths.Count == 0 ? [StandardInput(host)] : [.. paths.Select(path => path == "-" ? StandardInput(host) : OfFile(path))];

    private static InputSource StandardInput(CliHost host) => new("standard input", null, () => new Unclosed(host.Input));

    private static InputSource OfFile(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
            throw new FileNotFoundException(Directory.Exists(path) ? $"'{path}' is a directory." : $"There is no file '{path}'.");
        // A pipe or a device says 0, and is no less worth reading for it.
        long? bytes = file.Length > 0 ? file.Length : null;
        return new InputSource(path, bytes, () => new FileStream(
            path,
            new FileStreamOptions
            {
                Access = FileAccess.Read,
                Share = FileShare.ReadWrite | FileShare.Delete,
                BufferSize = 0,
                Options = FileOptions.SequentialScan,
            }));
    }

    /// <summary>Passes reads on; the inner stream outlives it.</summary>
    private sealed class Unclosed(Stream inner) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            inner.ReadAsync(buffer, cancellationToken);

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            inner.ReadAsync(buffer, offset, count, cancellationToken);

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
