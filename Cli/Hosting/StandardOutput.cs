using System.Runtime.InteropServices;

namespace OrleansLog.Cli.Hosting;

/// <summary>
/// Standard output as a plain descriptor. The console's own stream swallows the error when the reader has gone (EPIPE), so that
/// records nobody saw would count as written; a file stream would write at offsets of its own, which spoils output that is
/// appended to or shared with other commands.
/// </summary>
internal sealed class StandardOutput : Stream
{
    private const int Descriptor = 1;
    private const int Interrupted = 4; // EINTR and EPIPE have the same numbers on Linux and macOS
    private const int BrokenPipe = 32;

    private StandardOutput() { }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>The process's standard output.</summary>
    public static Stream Open() => OperatingSystem.IsWindows() ? Console.OpenStandardOutput() : new StandardOutput();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            var written = Native.Write(Descriptor, ref MemoryMarshal.GetReference(buffer), (nuint)buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }

            var error = Marshal.GetLastPInvokeError();
            if (error == Interrupted)
                continue;
            if (error == BrokenPipe)
                throw new OutputClosedException();
            if (!IsWouldBlock(error))
                throw new IOException($"Standard output: {Marshal.GetPInvokeErrorMessage(error)}.", error);
            Thread.Sleep(1); // somebody else made the descriptor non-blocking (a terminal that is shared)
        }
    }

    /// <inheritdoc/>
    public override void Flush() { }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    // EAGAIN
    private static bool IsWouldBlock(int error) => error == (OperatingSystem.IsLinux() ? 11 : 35);

    private static class Native
    {
        [DllImport("libc", EntryPoint = "write", SetLastError = true)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
#pragma warning disable SYSLIB1054 // the generated form needs unsafe code
        public static extern nint Write(int descriptor, ref byte buffer, nuint count);
#pragma warning restore SYSLIB1054
    }
}
