using OrleansLog.Cli.Parsing;

namespace OrleansLog.Cli.Hosting;

/// <summary>Asks before something is destroyed.</summary>
internal static class Confirmation
{
    /// <summary>Whether the person at the terminal says yes.</summary>
    /// <exception cref="UsageException">Nobody is there to be asked.</exception>
    public static async Task<bool> AskAsync(CommandRun run, string question, CancellationToken cancellationToken)
    {
        if (!run.Host.InputIsTerminal)
            throw new UsageException("Nobody can be asked here: say --yes.");
        await run.Error.WriteAsync($"{question} [y/N] ".AsMemory(), cancellationToken).ConfigureAwait(false);
        await run.Error.FlushAsync(cancellationToken).ConfigureAwait(false);
        var answer = new byte[256];
        var length = await run.Host.Input.ReadAsync(answer, cancellationToken).AsTask().WaitAsync(cancellationToken).ConfigureAwait(false);
        var yes = System.Text.Encoding.UTF8.GetString(answer, 0, length).Trim().ToUpperInvariant() is "Y" or "YES";
        if (!yes)
            await run.Error.WriteLineAsync("Nothing was done.").ConfigureAwait(false);
        return yes;
    }
}
