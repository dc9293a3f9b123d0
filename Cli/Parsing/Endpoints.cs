using System.Globalization;

namespace OrleansLog.Cli.Parsing;

/// <summary>A gateway's address.</summary>
/// <param name="Host">A name or an IP address, an IPv6 one without its brackets.</param>
/// <param name="Port">1 to 65535.</param>
internal readonly record struct Endpoint(string Host, int Port)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{(Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]" : Host)}:{Port}");
}

/// <summary>Lists of addresses: <c>host:port[,host:port]</c>.</summary>
internal static class Endpoints
{
    /// <summary>The port of a silo's gateway, taken when none is given.</summary>
    public const int DefaultPort = 30000;

    /// <summary>Where a silo started with nothing configured listens.</summary>
    public const string Default = "127.0.0.1:30000";

    /// <summary>Reads a list of 1 to 100 addresses.</summary>
    /// <exception cref="FormatException">It is not of that form; the message names the entry.</exception>
    public static IReadOnlyList<Endpoint> Parse(string text)
    {
        var entries = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (entries.Length is 0 or > 100)
            throw new FormatException($"'{text}' is not a list of 1 to 100 addresses like {Default}.");
        return [.. entries.Select(ParseOne)];
    }

    private static Endpoint ParseOne(string entry)
    {
        var bracket = entry.LastIndexOf(']');
        var colon = entry.LastIndexOf(':');
        if (colon < bracket)
            colon = -1;
        if (bracket < 0 && colon != entry.IndexOf(':', StringComparison.Ordinal))
            throw new FormatException($"'{entry}': write an IPv6 address in brackets, like [::1]:{DefaultPort}.");
        var host = (colon < 0 ? entry : entry[..colon]).Trim('[', ']');
        var port = DefaultPort;
        if (host.Length == 0 || (colon >= 0 && !int.TryParse(
                entry.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port)) || port is < 1 or > 65535)
            throw new FormatException($"'{entry}' is no address: give host:port with a port from 1 to 65535, like {Default}.");
        return new Endpoint(host, port);
    }
}
