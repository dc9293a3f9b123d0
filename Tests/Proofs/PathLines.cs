using System.Globalization;

namespace OrleansLog.Tests.Proofs;

/// <summary>
/// Lines as <c>find</c> prints them for files: a directory, which is the key, a tab, and a name, which is the value. Every line
/// is made from its number alone, so that what comes back can be checked without keeping a copy.
/// </summary>
internal static class PathLines
{
    private const int Directories = 5_000;
    private static readonly string[] Roots = ["/usr/share", "/usr/lib", "/var/lib", "/opt/apps", "/home/Zoë/päth with spaces"];
    private static readonly string[] Endings = ["", ".txt", ".so.6", ".json", ".cs", ".tar.gz"];

    public static string Key(int line)
    {
        var directory = (int)(Mix(line) % Directories);
        return string.Create(CultureInfo.InvariantCulture, $"{Roots[directory % Roots.Length]}/package-{directory}/sub-{directory % 7}");
    }

    public static string Value(int line)
    {
        var mixed = Mix(~line);
        return string.Create(CultureInfo.InvariantCulture, $"{line}-{new string('x', (int)(mixed % 40))}-{mixed:x}{Endings[(int)(mixed % 6)]}");
    }

    /// <summary>The number of the line with this key and value; null when there is none.</summary>
    public static int? Parse(string key, string value) =>
        int.TryParse(value.AsSpan(0, Math.Max(0, value.IndexOf('-', StringComparison.Ordinal))), NumberStyles.None, CultureInfo.InvariantCulture, out var line)
        && Key(line) == key && Value(line) == value
            ? line
            : null;

    public static void Write(string path, int count)
    {
        using var writer = new StreamWriter(path);
        writer.NewLine = "\n";
        for (var line = 0; line < count; line++)
        {
            writer.Write(Key(line));
            writer.Write('\t');
            writer.WriteLine(Value(line));
        }
    }

    private static ulong Mix(int number)
    {
        var x = (ulong)number * 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        return (x ^ (x >> 27)) >> 8;
    }
}
