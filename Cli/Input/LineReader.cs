namespace OrleansLog.Cli.Input;

/// <summary>
/// Splits a stream of bytes into lines without decoding or copying them. Not thread-safe. A line lies in the reader's own
/// buffer, valid until the next <see cref="FillAsync"/>. Memory: one buffer, which grows to the longest line allowed.
/// </summary>
internal sealed class LineReader
{
    private readonly Stream _source;
    private readonly int _maxLineBytes;
    private readonly bool _stripCarriageReturn;
    private byte[] _buffer;
    private int _start;
    private int _end;
    private int _searched;
    private bool _ended;

    /// <param name="source">What to read; the caller keeps it and disposes of it.</param>
    /// <param name="maxLineBytes">The longest line taken, without its terminator.</param>
    /// <param name="stripCarriageReturn">Whether CR LF ends a line too; otherwise a CR belongs to the line, as in kcat.</param>
    /// <param name="bufferBytes">How much to read at once.</param>
    public LineReader(Stream source, int maxLineBytes, bool stripCarriageReturn = false, int bufferBytes = 1 << 20)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxLineBytes);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferBytes);
        _source = source;
        _maxLineBytes = maxLineBytes;
        _stripCarriageReturn = stripCarriageReturn;
        _buffer = new byte[bufferBytes];
    }

    /// <summary>How many lines were given out; so also the number of the last one, counted from 1.</summary>
    public long LineNumber { get; private set; }

    /// <summary>How many bytes were read from the source.</summary>
    public long BytesRead { get; private set; }

    /// <summary>The next line that is in the buffer already, without its terminator.</summary>
    /// <exception cref="LineTooLongException">The line is longer than allowed.</exception>
    public bool TryRead(out ReadOnlyMemory<byte> line)
    {
        var newline = _buffer.AsSpan(_searched, _end - _searched).IndexOf((byte)'\n');
        if (newline >= 0)
        {
            line = Take(_searched + newline, terminated: true);
            _start = _searched = _searched + newline + 1;
            return true;
        }

        _searched = _end;
        if (_end - _start > _maxLineBytes + 1) // + 1: a CR may be the last byte, its LF not read yet
            throw new LineTooLongException(LineNumber + 1, _maxLineBytes);
        if (_ended && _end > _start)
        {
            line = Take(_end, terminated: false);
            _start = _end;
            return true;
        }

        line = default;
        return false;
    }

    /// <summary>Reads more; false when the source has ended and nothing is left. Lines given out before are gone.</summary>
    public async ValueTask<bool> FillAsync(CancellationToken cancellationToken)
    {
        if (_ended)
            return _end > _start;
        MakeRoom();
        var read = await _source.ReadAsync(_buffer.AsMemory(_end), cancellationToken).ConfigureAwait(false);
        BytesRead += read;
        _end += read;
        _ended = read == 0;
        return !_ended || _end > _start;
    }

    private ReadOnlyMemory<byte> Take(int lineEnd, bool terminated)
    {
        var length = lineEnd - _start;
        if (_stripCarriageReturn && terminated && length > 0 && _buffer[lineEnd - 1] == '\r')
            length--;
        if (length > _maxLineBytes)
            throw new LineTooLongException(LineNumber + 1, _maxLineBytes);
        LineNumber++;
        return _buffer.AsMemory(_start, length);
    }

    /// <summary>Moves the unfinished line to the front, and grows the buffer when that line fills more than half of it.</summary>
    private void MakeRoom()
    {
        var pending = _end - _start;
        var target = _buffer;
        var largest = _maxLineBytes + 2L;
        if (pending > _buffer.Length / 2 && _buffer.Length < largest)
            target = new byte[Math.Min(_buffer.Length * 2L, largest)];
        if (pending == target.Length)
            throw new InvalidOperationException("The lines in the buffer must be read before more is asked for.");
        if (_start > 0 || target != _buffer)
            _buffer.AsSpan(_start, pending).CopyTo(target);
        _buffer = target;
        _start = 0;
        _end = _searched = pending;
    }
}
