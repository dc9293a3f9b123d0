namespace OrleansLog.Tests.Cluster.Postgres;

/// <summary>Finds the programs of an installed PostgreSQL.</summary>
internal static class PostgresBinaries
{
    public const string Missing =
        "No PostgreSQL server is installed (initdb and postgres were sought in PATH and the usual places): nothing of a cluster is tested.";

    /// <summary>The directory they are in; null when there are none.</summary>
    public static string? Directory { get; } = Find();

    private static string? Find()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(Path.PathSeparator);
        string[] places =
        [
            .. path.Where(static place => place.Length > 0),
            .. Versions("/usr/lib/postgresql", "*/bin"),
            .. Versions("/usr", "pgsql-*/bin"),
            .. Versions("/opt/homebrew/opt", "postgresql*/bin"),
            .. Versions("/usr/local/opt", "postgresql*/bin"),
            "/usr/local/pgsql/bin",
        ];
        return places.FirstOrDefault(static place =>
            File.Exists(Path.Combine(place, "initdb")) && File.Exists(Path.Combine(place, "postgres")));
    }

    /// <summary>The directories of all versions, the latest first.</summary>
    private static IEnumerable<string> Versions(string root, string pattern)
    {
        var (first, last) = (pattern.Split('/')[0], pattern.Split('/')[1]);
        if (!System.IO.Directory.Exists(root)) return [];
        return System.IO.Directory.GetDirectories(root, first)
            .OrderByDescending(static directory => int.TryParse(new string([.. Path.GetFileName(directory).Where(char.IsDigit)]), out var version) ? version : 0)
            .Select(directory => Path.Combine(directory, last));
    }
}
