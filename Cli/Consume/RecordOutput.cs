using OrleansLog.Cli.Hosting;

namespace OrleansLog.Cli.Consume;

/// <summary>
/// Standard output with a buffer. What was handed to the operating system is known; a write that was left behind (the reader has
/// stopped reading, and the command was told to stop) counts as not done, and ends the output.
/// </summary>
/// <param name="stream">Standard output.</param>
/// <param name="grace">How long a write that is under way may still take after a cancellation; null for two seconds.</param>
internal sealed class RecordOutput(Stream stream, TimeSpan? grace = null)
{
    /// <summary>What is worth a write.</summary>
    public const int WorthWriting = 256 * 1024;

    private readonly TimeSpan _grace = grace ?? TimeSpan.FromSeconds(2);
    private long _bytesWritten;
    private bool _ended;

    /// <summary>Bytes that the operating system has taken; may be asked for from another thread.</summary>
    public long BytesWritten => Volatile.Read(ref _bytesWritten);

    /// <summary>Where to append.</summary>
    public OutputBuffer Buffer { get; } = new();

    /// <summary>Writes what was gathered.</summary>
    /// <exception cref="OutputClosedException">The reader has gone.</exception>
    /// <exception cref="OperationCanceledException">Cancelled, and blocked: it is not known how much was written.</exception>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (Buffer.Length == 0)
            return;
        if (_ended)
            throw new OutputClosedException();
        _ended = true;
        // A blocked write cannot be called off: it runs aside, so that it can be left behind.
        var write = Task.Run(() => stream.Write(Buffer.Written.Span), CancellationToken.None);
        try
        {
            await write.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // A write is over in no time as a rule; left behind, what it has written would be written again by the next member.
            await ((Task)write).WaitAsync(_grace, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (!write.IsCompleted)
                throw;
            await write.ConfigureAwait(false);
        }

        _ended = false;
        _bytesWritten += Buffer.Length;
        Buffer.Clear();
    }
}
