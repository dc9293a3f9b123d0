using OrleansLog.Client;

namespace OrleansLog.Cli.Hosting;

/// <summary>What the command has around it: streams, terminal, clock, environment, and a way to the cluster. A test brings its own.</summary>
internal sealed class CliHost
{
    /// <summary>Standard input, unbuffered.</summary>
    public required Stream Input { get; init; }

    /// <summary>Standard output, unbuffered. A write throws <see cref="OutputClosedException"/> when nobody reads any more.</summary>
    public required Stream Output { get; init; }

    /// <summary>Standard error, where errors, progress and summaries go.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether standard input is a keyboard.</summary>
    public bool InputIsTerminal { get; init; }

    /// <summary>Whether a person reads standard output.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>Whether a person reads standard error.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Columns of the terminal.</summary>
    public int Width { get; init; } = 120;

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Reads an environment variable; null or empty when it is not set.</summary>
    public Func<string, string?> Environment { get; init; } = static _ => null;

    /// <summary>Whether to look for a listener before connecting; a cluster in memory has none.</summary>
    public bool ProbesFirst { get; init; } = true;

    /// <summary>Connects to a cluster.</summary>
    public Func<OrleansLogClientOptions, CancellationToken, Task<OrleansLogClient>> Connect { get; init; } =
        OrleansLogClient.ConnectAsync;

    /// <summary>The host of a real process.</summary>
    public static CliHost ForProcess() => new()
    {
        Input = Console.OpenStandardInput(),
        Output = StandardOutput.Open(),
        Error = Console.Error,
        InputIsTerminal = !Console.IsInputRedirected,
        OutputIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Width = TerminalWidth(),
        Environment = System.Environment.GetEnvironmentVariable,
    };

    private static int TerminalWidth()
    {
        const int Unknown = 120;
        if (Console.IsOutputRedirected)
            return Unknown;
        try
        {
            return Console.WindowWidth is > 20 and var width ? width : Unknown;
        }
        catch (IOException)
        {
            return Unknown;
        }
    }
}
