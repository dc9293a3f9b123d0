using System.Globalization;

namespace OrleansLog.Cli.Parsing;

/// <summary>Whole numbers as people write them.</summary>
internal static class Numbers
{
    /// <summary>Reads <c>1000</c>, <c>1_000_000</c>, <c>16k</c>, <c>1m</c>, <c>2g</c> (k, m, g: times 1024).</summary>
    /// <exception cref="FormatException">It is no number or lies outside of the bounds.</exception>
    public static long Parse(string text, long least, long greatest)
    {
        var digits = text.AsSpan();
        var shift = digits.IsEmpty ? 0 : char.ToLowerInvariant(digits[^1]) switch { 'k' => 10, 'm' => 20, 'g' => 30, _ => 0 };
        if (shift > 0)
            digits = digits[..^1];
        if (!long.TryParse(
                digits.ToString().Replace("_", "", StringComparison.Ordinal),
                NumberStyles.AllowLeadingSign,
                CultureInfo.InvariantCulture,
                out var value) || Math.Abs((decimal)value) * (1L << shift) > long.MaxValue)
            throw new FormatException($"'{text}' is no whole number.");
        value <<= shift;
        if (value < least || value > greatest)
            throw new FormatException(greatest == long.MaxValue
                ? string.Create(CultureInfo.InvariantCulture, $"{text} is too little: it must be at least {least}.")
                : string.Create(CultureInfo.InvariantCulture, $"{text} is out of bounds: it must lie between {least} and {greatest}."));
        return value;
    }
}
