using System.Globalization;

namespace OrleansLog.Cli.Input;

/// <summary>A line of the input is longer than allowed.</summary>
internal sealed class LineTooLongException(long lineNumber, int maxLineBytes) : Exception(string.Create(
    CultureInfo.InvariantCulture,
    $"Line {lineNumber} is longer than {maxLineBytes} bytes, the bound on a line (--max-line-bytes)."))
{
    /// <summary>The line's number, from 1.</summary>
    public long LineNumber => lineNumber;
}
