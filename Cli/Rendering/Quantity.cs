using System.Globalization;

namespace OrleansLog.Cli.Rendering;

/// <summary>Amounts as people read them. For programs there is <c>--json</c>.</summary>
internal static class Quantity
{
    private static readonly string[] Units = ["B", "kB", "MB", "GB", "TB", "PB"];

    /// <summary>"1,234,567".</summary>
    public static string Count(double number) => number.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>"1.2 MB"; thousands, as disks and networks count.</summary>
    public static string Bytes(double bytes)
    {
        var unit = 0;
        while (bytes >= 999.95 && unit < Units.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{Math.Round(bytes, unit == 0 ? 0 : 1)} {Units[unit]}");
    }

    /// <summary>"850 ms", "12.3 s", "3:05 min", "1:02:05 h".</summary>
    public static string Duration(TimeSpan time) => time switch
    {
        { TotalSeconds: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms"),
        { TotalSeconds: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s"),
        { TotalMinutes: < 60 } => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes}:{time.Seconds:00} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00} h"),
    };

    /// <summary>"0.12 ms", "45.6 ms", "1.23 s"; from microseconds.</summary>
    public static string Latency(long microseconds) => microseconds switch
    {
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000.0:0.00} ms"),
        < 100_000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000.0:0.0} ms"),
        < 999_500 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000.0:0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1_000_000.0:0.00} s"),
    };
}
