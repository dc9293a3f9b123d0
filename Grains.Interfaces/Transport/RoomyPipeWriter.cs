using System.IO.Pipelines;

namespace OrleansLog.Grains.Interfaces.Transport;

/// <summary>
/// A pipe writer onto a stream that always hands out room for a large message in one piece. Orleans asks for a few KiB and
/// copies through small blocks whatever does not fit into what it is given.
/// </summary>
internal sealed class RoomyPipeWriter(Stream stream) : PipeWriter
{
    /// <summary>Room handed out at least: the largest message of the hot path, 1 MiB of records, and its envelope.</summary>
    private const int RoomBytes = 1024 * 1024 + 64 * 1024;

    /// <summary>Small messages share a buffer until less than <see cref="RoomBytes"/> of it is left.</summary>
    private const int BufferBytes = 2 * 1024 * 1024;

    private readonly PipeWriter _inner = Create(stream, new StreamPipeWriterOptions(
        minimumBufferSize: BufferBytes, leaveOpen: true));

    public override bool CanGetUnflushedBytes => _inner.CanGetUnflushedBytes;

    public override long UnflushedBytes => _inner.UnflushedBytes;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _inner.GetMemory(Math.Max(sizeHint, RoomBytes));

    public override Span<byte> GetSpan(int sizeHint = 0) => _inner.GetSpan(Math.Max(sizeHint, RoomBytes));

    public override void Advance(int bytes) => _inner.Advance(bytes);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        _inner.FlushAsync(cancellationToken);

    /// <summary>
    /// Orleans calls this while it closes a connection that broke, at the same time as the writer's own end completes it. A failure
    /// would keep it from rejecting what waited to be sent, and the callers would wait for their timeouts.
    /// </summary>
    public override void CancelPendingFlush()
    {
        try
        {
            _inner.CancelPendingFlush();
        }
        catch (ObjectDisposedException)
        {
            // There is no flush any more.
        }
    }

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _inner.CompleteAsync(exception);
}
