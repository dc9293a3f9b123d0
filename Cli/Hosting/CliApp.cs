using System.CommandLine;
using System.Text;

namespace OrleansLog.Cli.Hosting;

/// <summary>Ties commands to the host: builds the root command, runs what was parsed, and turns failures into exit codes.</summary>
internal sealed class CliApp
{
    private readonly CliHost _host;
    private readonly RootCommand _root;

    /// <param name="host">What is around the command.</param>
    public CliApp(CliHost host)
    {
        _host = host;
        Globals = new GlobalOptions(host.Environment);
        _root = Commands.Create(this);
    }

    /// <summary>The options every command takes.</summary>
    public GlobalOptions Globals { get; }

    /// <summary>The clock, for options that mean a time.</summary>
    public TimeProvider Time => _host.Time;

    /// <summary>Runs a command line.</summary>
    /// <returns>One of <see cref="ExitCode"/>.</returns>
    public async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken interrupted)
    {
        // "@name" is no response file here: it would surprise in a separator, a header, or a time.
        var parse = _root.Parse(arguments, new ParserConfiguration { ResponseFileTokenReplacer = null, EnablePosixBundling = false });
        if (UsageErrors.Find(parse) is { } message)
        {
            await _host.Error.WriteLineAsync(message).ConfigureAwait(false);
            return ExitCode.Usage;
        }

        var help = new StringWriter { NewLine = "\n" };
        var code = await parse.InvokeAsync(
            new InvocationConfiguration
            {
                Output = help,
                Error = _host.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null, // signals are the program's: a consumer has to leave its group first
            },
            interrupted).ConfigureAwait(false);
        // The library calls the command by its assembly's name.
        var text = help.ToString().Replace(_root.Name, "orleanslog", StringComparison.Ordinal);
        return WriteHelp(text) ? code : ExitCode.Ok;
    }

    private bool WriteHelp(string text)
    {
        try
        {
            if (text.Length > 0)
                _host.Output.Write(Encoding.UTF8.GetBytes(text));
            return true;
        }
        catch (OutputClosedException)
        {
            return false;
        }
    }

    /// <summary>Gives a command what it does.</summary>
    public Command Handle(Command command, Func<CommandRun, CancellationToken, Task<int>> action)
    {
        command.SetAction((parse, cancellationToken) => ExecuteAsync(parse, action, cancellationToken));
        return command;
    }

    private async Task<int> ExecuteAsync(
        ParseResult parse, Func<CommandRun, CancellationToken, Task<int>> action, CancellationToken cancellationToken)
    {
        var run = new CommandRun(_host, Globals, parse);
        try
        {
            await using (run.ConfigureAwait(false))
            {
                var code = await action(run, cancellationToken).ConfigureAwait(false);
                await run.Out.FlushAsync(cancellationToken).ConfigureAwait(false);
                return code;
            }
        }
        catch (OutputClosedException)
        {
            return ExitCode.Ok;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            var (code, message) = Failures.Describe(exception, run.Settings, cancellationToken.IsCancellationRequested);
            if (message is not null)
                await _host.Error.WriteLineAsync($"orleanslog: {message}").ConfigureAwait(false);
            if (run.Settings.Verbose)
                await _host.Error.WriteLineAsync(exception.ToString()).ConfigureAwait(false);
            return code;
        }
    }
}
