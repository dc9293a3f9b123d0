namespace OrleansLog.Cli.Produce;

/// <summary>How far producing has come. Written by the one who produces, read by the one who shows it.</summary>
internal sealed class ProduceProgress
{
    private long _lines;
    private long _bytesRead;
    private long _linesWithoutKey;

    /// <summary>Lines read.</summary>
    public long Lines => Volatile.Read(ref _lines);

    /// <summary>Bytes read, line ends included.</summary>
    public long BytesRead => Volatile.Read(ref _bytesRead);

    /// <summary>Lines in which the key was looked for and not found.</summary>
    public long LinesWithoutKey => Volatile.Read(ref _linesWithoutKey);

    /// <summary>Counts a line.</summary>
    public void AddLine(bool lacksKey)
    {
        _lines++;
        if (lacksKey)
            _linesWithoutKey++;
    }

    /// <summary>Counts what was read.</summary>
    public void AddBytes(long bytes) => _bytesRead += bytes;
}
