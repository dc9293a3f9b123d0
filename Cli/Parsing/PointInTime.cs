using System.Globalization;

namespace OrleansLog.Cli.Parsing;

/// <summary>A moment as it is given on the command line.</summary>
internal static class PointInTime
{
    /// <summary>What is understood, for messages.</summary>
    public const string Forms =
        "a time like 2026-01-31T12:00:00Z, 2026-01-31 (UTC unless an offset is given), -15m, now, or @<milliseconds since 1970>";

    /// <summary>Reads one of <see cref="Forms"/> into milliseconds since the Unix epoch.</summary>
    public static bool TryParse(string text, DateTimeOffset now, out long timestampMs)
    {
        timestampMs = 0;
        if (text.Equals("now", StringComparison.OrdinalIgnoreCase))
        {
            timestampMs = now.ToUnixTimeMilliseconds();
            return true;
        }

        if (text.StartsWith('@'))
            return long.TryParse(text.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out timestampMs);
        if (text.StartsWith('-'))
        {
            if (!Durations.TryParse(text.AsSpan(1), out var ago))
                return false;
            timestampMs = (now - ago).ToUnixTimeMilliseconds();
            return true;
        }

        // An ISO date begins with its year; anything else that the parser would take ("12", "May") is a slip.
        if (text.Length < 10 || text[4] != '-' || !DateTimeOffset.TryParse(
                text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var moment))
            return false;
        timestampMs = moment.ToUnixTimeMilliseconds();
        return true;
    }
}
