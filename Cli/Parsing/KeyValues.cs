namespace OrleansLog.Cli.Parsing;

/// <summary><c>name=value</c> pairs, as configurations and headers are given.</summary>
internal static class KeyValues
{
    /// <summary>Reads pairs in their order; a value may hold further equals signs and may be empty, a name may not.</summary>
    /// <exception cref="FormatException">An entry is no pair.</exception>
    public static IReadOnlyList<KeyValuePair<string, string>> ParseList(IEnumerable<string> entries) => [.. entries.Select(entry =>
    {
        var at = entry.IndexOf('=', StringComparison.Ordinal);
        return at > 0
            ? KeyValuePair.Create(entry[..at].Trim(), entry[(at + 1)..])
            : throw new FormatException($"'{entry}' is not of the form name=value.");
    })];

    /// <summary>Reads pairs whose names differ.</summary>
    /// <exception cref="FormatException">An entry is no pair, or a name is given twice.</exception>
    public static Dictionary<string, string> ParseMap(IEnumerable<string> entries)
    {
        var map = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in ParseList(entries))
        {
            if (!map.TryAdd(name, value))
                throw new FormatException($"'{name}' is given twice.");
        }

        return map;
    }
}
