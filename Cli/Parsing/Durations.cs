using System.Globalization;

namespace OrleansLog.Cli.Parsing;

/// <summary>Durations as people write them.</summary>
internal static class Durations
{
    private static readonly TimeSpan Longest = TimeSpan.FromDays(36_500);

    /// <summary>Reads <c>250ms</c>, <c>10s</c>, <c>1.5m</c>, <c>2h</c>, <c>7d</c>, or a bare number of seconds; at most a
    /// hundred years, never negative.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan value)
    {
        value = default;
        var digits = text.Length;
        while (digits > 0 && char.IsAsciiLetter(text[digits - 1]))
            digits--;
        double unit = text[digits..] switch
        {
            "ms" => 1,
            "" or "s" => 1_000,
            "m" or "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 0,
        };
        if (unit == 0 || !double.TryParse(
                text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
            return false;
        if (number * unit > Longest.TotalMilliseconds)
            return false;
        value = TimeSpan.FromMilliseconds(number * unit);
        return true;
    }
}
