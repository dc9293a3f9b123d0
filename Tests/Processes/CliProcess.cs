namespace OrleansLog.Tests.Processes;

/// <summary>What became of a command.</summary>
public sealed record CliResult(int ExitCode, string Output, string Errors)
{
    public override string ToString() => $"exit code {ExitCode}\noutput:\n{Output}\nerrors:\n{Errors}";
}

/// <summary>The real <c>orleanslog</c> command, in a process of its own.</summary>
public static class CliProcess
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Starts a command; its standard input stays open.</summary>
    public static ChildProcess Start(SiloSetup silo, IEnumerable<string> arguments, Stream? outputBytes = null) =>
        ChildProcess.Start("OrleansLog.Cli", [.. arguments, "--bootstrap", silo.Endpoint], outputBytes: outputBytes);

    /// <summary>Runs a command to its end.</summary>
    public static Task<CliResult> RunAsync(SiloSetup silo, params string[] arguments) => RunAsync(silo, arguments, "", Limit);

    /// <summary>Runs a command with <paramref name="input"/> on its standard input to its end.</summary>
    public static async Task<CliResult> RunAsync(SiloSetup silo, string[] arguments, string input, TimeSpan limit)
    {
        await using var process = Start(silo, arguments);
        try
        {
            await process.Input.WriteAsync(input);
            process.Input.Close();
        }
        catch (IOException)
        {
            // It has ended without reading all of it, and says why.
        }

        var code = await process.WaitForExitAsync(limit);
        return new CliResult(code, process.Output.Text, process.Errors.Text);
    }
}
