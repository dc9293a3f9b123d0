namespace OrleansLog.Cli.Input;

/// <summary>How a line is read as a record: where its key is, and which value stands for none.</summary>
internal sealed class LineFormat
{
    /// <summary>What stands between key and value, or between the fields when <see cref="KeyField"/> is set; null: no keys.</summary>
    public byte[]? KeySeparator { get; init; }

    /// <summary>The number of the field (from 1) that is the key, the value being the whole line; 0: key, separator, value.</summary>
    public int KeyField { get; init; }

    /// <summary>A value of exactly these bytes is sent as null, which deletes the key in a compacted topic; null: none is.</summary>
    public byte[]? NullValue { get; init; }

    /// <summary>Whether lines are to have keys.</summary>
    public bool HasKeys => KeySeparator is not null || KeyField > 0;

    /// <summary>Reads a line. A line without the separator (or the field) has no key and is a value as a whole.</summary>
    public LineRecord Read(ReadOnlyMemory<byte> line)
    {
        var key = default(NullableBytes);
        if (KeyField > 0)
        {
            key = Field(line);
        }
        else if (KeySeparator is not null)
        {
            var at = line.Span.IndexOf(KeySeparator);
            if (at >= 0)
            {
                key = NullableBytes.Of(line[..at]);
                line = line[(at + KeySeparator.Length)..];
            }
        }

        var isNull = NullValue is not null && line.Span.SequenceEqual(NullValue);
        return new LineRecord(key, isNull ? default : NullableBytes.Of(line));
    }

    private NullableBytes Field(ReadOnlyMemory<byte> line)
    {
        ReadOnlySpan<byte> separator = KeySeparator ?? "\t"u8;
        for (var number = 1; ; number++)
        {
            var at = line.Span.IndexOf(separator);
            if (number == KeyField)
                return NullableBytes.Of(at < 0 ? line : line[..at]);
            if (at < 0)
                return default;
            line = line[(at + separator.Length)..];
        }
    }
}

/// <summary>A line read as a record; its bytes lie in the line.</summary>
internal readonly record struct LineRecord(NullableBytes Key, NullableBytes Value);
